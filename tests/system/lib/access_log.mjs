// What a gateway's log says, and requests whose local address is chosen: Linux lets everybody speak
// from any address of 127.0.0.0/8, so one machine has balancers, clients and strangers.
import http from 'node:http';
import net from 'node:net';
import { deadlineMs } from './env.mjs';
import { RawConnection } from './raw.mjs';
import { poll } from './wait.mjs';

// One line of logfmt as an object; quoted values without their quotes.
export function parseLine(line) {
  const fields = {};
  for (const [, key, quoted, bare] of line.matchAll(/(\w+)=(?:"((?:[^"\\]|\\.)*)"|(\S*))/g)) {
    fields[key] ??= quoted ?? bare;
  }
  return fields;
}

// The events of this name that the gateway has written so far.
export function logged(gateway, event) {
  return gateway
    .output()
    .split('\n')
    .filter((line) => line.includes(` event=${event} `))
    .map(parseLine);
}

// The first event of this name that fits, as soon as it is there.
export function untilLogged(gateway, event, fits) {
  return poll(`${event} in the log`, () => logged(gateway, event).find(fits));
}

// from: the local address; headers: an object, or a flat list for repeated ones. An upgrade that
// succeeds is status 101, and its socket is closed.
export function ask(port, path, { from = '127.0.0.1', method = 'GET', headers = {}, body } = {}) {
  return new Promise((resolve, reject) => {
    const request = http.request(
      { host: '127.0.0.1', port, path, method, headers, localAddress: from, agent: false, timeout: deadlineMs(20_000) },
      (response) => {
        const chunks = [];
        response.on('data', (chunk) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () =>
          resolve({
            status: response.statusCode,
            headers: response.headers,
            text: Buffer.concat(chunks).toString(),
            localPort,
          }),
        );
      },
    );
    let localPort;
    request.on('socket', (socket) => socket.once('connect', () => (localPort = socket.localPort)));
    request.on('timeout', () => request.destroy(new Error(`no answer to ${method} ${path}`)));
    request.on('upgrade', (response, socket) => {
      socket.destroy();
      resolve({ status: response.statusCode, headers: response.headers, text: '', localPort });
    });
    request.on('error', reject);
    request.end(body);
  });
}

export function openFrom(from, port) {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ port, host: '127.0.0.1', localAddress: from, allowHalfOpen: true });
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.removeListener('error', reject);
      resolve(new RawConnection(socket));
    });
  });
}
