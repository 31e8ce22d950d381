// Random choices that a seed repeats: the choices, that is, not what the machine makes of them.
export class Random {
  constructor(seed) {
    this.state = BigInt.asUintN(64, BigInt(seed));
  }

  // splitmix64
  next() {
    this.state = BigInt.asUintN(64, this.state + 0x9e3779b97f4a7c15n);
    let z = this.state;
    z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
    z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn);
    return Number((z ^ (z >> 31n)) >> 11n) / 2 ** 53;
  }

  between(low, high) {
    return low + this.next() * (high - low);
  }

  // 0..count - 1
  below(count) {
    return Math.floor(this.next() * count);
  }

  chance(probability) {
    return this.next() < probability;
  }

  pick(list) {
    return list[this.below(list.length)];
  }

  // A key of {key: weight}.
  weighted(weights) {
    let at = this.next() * Object.values(weights).reduce((sum, weight) => sum + weight, 0);
    for (const [key, weight] of Object.entries(weights)) {
      at -= weight;
      if (at < 0) return key;
    }
    return Object.keys(weights)[0];
  }

  shuffle(list) {
    const shuffled = [...list];
    for (let i = shuffled.length - 1; i > 0; i -= 1) {
      const j = this.below(i + 1);
      [shuffled[i], shuffled[j]] = [shuffled[j], shuffled[i]];
    }
    return shuffled;
  }

  // A generator of its own, so that one part's choices do not depend on another part's pace.
  fork() {
    return new Random(BigInt(this.below(2 ** 32)) * 2654435761n);
  }
}
