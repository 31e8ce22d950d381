// How long a message takes from its sender to another member, measured in a thread of its own, so
// that what else the test does is not in the figure.
//
//   const probe = startProbe({ url, roomId, sender: token, receiver: token });
//   ... const { count, p50, p99, max } = await probe.stop();   // milliseconds
import { performance } from 'node:perf_hooks';
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';
import WebSocket from 'ws';

const EVERY_MS = 20;

export function startProbe(options) {
  const worker = new Worker(new URL(import.meta.url), { workerData: options });
  const result = new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
  return {
    stop() {
      worker.postMessage('stop');
      return result;
    },
  };
}

function quantile(sorted, q) {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0;
}

function measure({ url, roomId, sender, receiver }) {
  const base = `${url.replace(/^http/, 'ws')}/ws/chat/${roomId}?token=`;
  const sockets = [sender, receiver].map((token) => new WebSocket(base + token, { perMessageDeflate: false }));
  const [out, back] = sockets;
  const sentAt = new Map();
  const took = [];
  let sent = 0;
  let timer;
  back.on('message', (data) => {
    const frame = JSON.parse(data.toString());
    const at = sentAt.get(frame.text);
    if (at !== undefined) took.push(performance.now() - at);
    sentAt.delete(frame.text);
  });
  const begin = () => {
    if (timer || sockets.some((socket) => socket.readyState !== WebSocket.OPEN)) return;
    timer = setInterval(() => {
      const text = `probe ${(sent += 1)}`;
      sentAt.set(text, performance.now());
      out.send(JSON.stringify({ text }));
    }, EVERY_MS);
  };
  sockets.forEach((socket) => socket.on('open', begin));
  parentPort.once('message', () => {
    clearInterval(timer);
    const sorted = took.sort((a, b) => a - b);
    const round = (ms) => Math.round(ms * 100) / 100;
    parentPort.postMessage({
      count: sorted.length,
      p50: round(quantile(sorted, 0.5)),
      p99: round(quantile(sorted, 0.99)),
      max: round(sorted.at(-1) ?? 0),
    });
    sockets.forEach((socket) => socket.terminate());
  });
}

if (!isMainThread && workerData?.roomId !== undefined) measure(workerData);
