// What is measured between one event of the test and the next.

export function quantiles(values) {
  const sorted = Float64Array.from(values).sort();
  const at = (q) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0;
  return { p50: at(0.5), p99: at(0.99), max: sorted.at(-1) ?? 0 };
}

export class Phase {
  constructor(name, clients) {
    this.name = name;
    this.began = Date.now();
    this.clients = clients;
    this.closes = {};
    this.failedConnects = 0;
    this.balancerErrors = 0;
    this.reconnectedAt = [];
    this.delays = [];
    for (const client of clients) client.longestGapMs = 0;
  }

  onUp(client) {
    if (client.connections > 1) this.reconnectedAt.push(Date.now() - this.began);
  }

  onClose(code) {
    this.closes[code] = (this.closes[code] ?? 0) + 1;
  }

  onDelivery(delayMs) {
    this.delays.push(delayMs);
  }

  end() {
    const now = Date.now();
    const gaps = this.clients.map((client) => Math.max(client.longestGapMs, now - client.deliveredAt));
    const histogram = Array.from({ length: Math.ceil((now - this.began) / 1000) }, () => 0);
    for (const ms of this.reconnectedAt) histogram[Math.floor(ms / 1000)] += 1;
    return {
      name: this.name,
      seconds: (now - this.began) / 1000,
      deliveries: this.delays.length,
      closes: this.closes,
      failedConnects: this.failedConnects,
      balancerErrors: this.balancerErrors,
      reconnects: this.reconnectedAt.length,
      histogram,
      gapMs: quantiles(gaps),
      delayMs: quantiles(this.delays),
    };
  }
}
