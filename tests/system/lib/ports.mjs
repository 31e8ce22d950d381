// Free loopback ports. They lie below the range that the kernel takes for outgoing connections, so
// that none of those takes one between our look and the server's bind.
import net from 'node:net';

const LOW = 15_000;
const HIGH = 31_000;
const given = new Set();

function isFree(port) {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () =>
      server.close(() => resolve(true)),
    );
  });
}

// count ports in a row, all free.
export async function freePort(count = 1) {
  for (;;) {
    const first = LOW + Math.floor(Math.random() * (HIGH - LOW));
    const ports = Array.from({ length: count }, (_, i) => first + i);
    if (ports.some((port) => given.has(port))) continue;
    const free = await Promise.all(ports.map(isFree));
    if (!free.every(Boolean)) continue;
    ports.forEach((port) => given.add(port));
    return first;
  }
}
