// The floods, each run in a process of its own: what it sends, for as long as it is let, and what
// came of it. floods[name]({host, port, ...}, alive) resolves when alive() has turned false; it calls
// whole() when it has done as much as its name says.
import net from 'node:net';
import { encodeFrame, handshakeRequest } from '../system/lib/raw.mjs';
import { delay } from '../system/lib/wait.mjs';

const addresses = (count) => Array.from({ length: count }, (_, i) => `127.0.1.${i + 1}`);

const counts = {};
const count = (what, by = 1) => (counts[what] = (counts[what] ?? 0) + by);
// Of an answer's first line, or of a close frame that came behind the handshake.
function read(data) {
  const status = /^HTTP\/1\.1 (\d+)/.exec(data.toString('latin1', 0, 12))?.[1];
  if (status) count(status);
}

const whole = () => process.send('whole');

const sockets = new Set();
function connect({ host, port }, localAddress, first) {
  const socket = net.connect({ host, port, localAddress, allowHalfOpen: false });
  sockets.add(socket);
  socket.once('connect', () => count('connected'));
  socket.write(first);
  socket.once('data', read);
  socket.on('error', () => count('reset'));
  socket.once('close', () => {
    count('closed');
    sockets.delete(socket);
  });
  return socket;
}

// Opens so many, a few at a time.
async function openAll(where, total, from, first, alive, then = () => {}) {
  const places = addresses(from);
  for (let i = 0; i < total && alive(); i += 1) {
    then(connect(where, places[i % from], first(i)), i);
    if (i % 50 === 49) await delay(10);
  }
  whole();
}

const wait = async (alive) => {
  while (alive()) await delay(50);
};

const ask = (path, headers, body = '') =>
  `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${headers}\r\n${body}`;

// One request after the other on each of so many connections, opened anew when they are closed.
async function repeat(where, lanes, total, request, alive) {
  const places = addresses(10);
  let left = total;
  await Promise.all(Array.from({ length: lanes }, async (_, lane) => {
    while (alive() && left-- > 0) {
      const socket = connect(where, places[lane % places.length], request(left));
      await new Promise((resolve) => {
        socket.once('data', () => socket.destroy());
        socket.once('close', resolve);
      });
    }
  }));
}

export const floods = {
  async 'half-open handshakes'(where, alive) {
    const head = handshakeRequest('/ws/chat').toString().replace(/\r\n\r\n$/, '\r\n');
    await openAll(where, 10_000, 16, () => head, alive);
    await wait(alive);
  },

  async 'slow heads and bodies'(where, alive) {
    const drip = setInterval(() => {
      for (const socket of sockets) if (socket.writable && !socket.connecting) socket.write('a');
    }, 500);
    await openAll(where, 2_000, 4, (i) => (i % 2 ? 'GET / HTTP/1.1\r\nHost: x\r\nX: ' : ask('/api/login', 'Content-Length: 60000\r\n', '{')), alive);
    await wait(alive);
    clearInterval(drip);
  },

  async logins(where, alive) {
    await repeat(where, 100, 5_000, (i) => {
      const body = JSON.stringify({ username: `${where.username}${i % 3 ? '' : i}`, password: `wrong password ${i}` });
      return ask('/api/login', `Content-Length: ${body.length}\r\n`, body);
    }, alive);
    whole();
    await wait(alive);
  },

  async 'bodies of 100 MB'(where, alive) {
    whole();
    const piece = Buffer.alloc(65_536, 'x');
    const chunk = Buffer.concat([Buffer.from('10000\r\n'), piece, Buffer.from('\r\n')]);
    for (let i = 0; alive(); i += 1) {
      const chunked = i % 2 === 1;
      const socket = connect(where, '127.0.1.1', ask('/api/login', chunked ? 'Transfer-Encoding: chunked\r\n' : 'Content-Length: 104857600\r\n'));
      let sent = 0;
      let open = true;
      socket.once('close', () => (open = false));
      while (open && alive() && sent < 100 * 1024 * 1024) {
        if (socket.writableLength < 1024 * 1024) {
          socket.write(chunked ? chunk : piece);
          sent += piece.length;
        }
        await delay(1);
      }
      socket.destroy();
      count('MB that it wrote', Math.round(sent / 1024 / 1024));
    }
  },

  async 'deep JSON'(where, alive) {
    whole();
    const body = `{"username":${'['.repeat(30_000)}${']'.repeat(30_000)}}`;
    const frame = encodeFrame(`{"text":${'{"a":'.repeat(10_000)}`);
    const socket = connect(where, '127.0.1.1', handshakeRequest(`/ws/chat/${where.roomId}?token=${where.token}`));
    socket.on('data', () => {});
    const more = setInterval(() => socket.writableLength < 1_000_000 && socket.write(frame), 2);
    await repeat(where, 50, 1e9, () => ask('/api/login', `Content-Length: ${body.length}\r\n`, body), alive);
    clearInterval(more);
  },

  async '10,000 sockets of one user'(where, alive) {
    const close = (socket) => socket.on('data', (data) => {
      if (data.includes(Buffer.from([0x03, 0xf5]))) count('1013');
    });
    await openAll(where, 10_000, 4, () => handshakeRequest(`/ws/chat?token=${where.token}`), alive, close);
    await wait(alive);
  },

  async 'a member that sends as fast as it can'(where, alive) {
    whole();
    const socket = connect(where, '127.0.1.1', handshakeRequest(`/ws/chat/${where.roomId}?token=${where.token}`));
    let tail = '';
    socket.on('data', (data) => {
      const text = tail + data.toString('latin1');
      count('acks', text.split('"type":"ack"').length - 1);
      count('rate_limited', text.split('"code":"rate_limited"').length - 1);
      tail = '';
    });
    for (let i = 0; alive() && !socket.destroyed; ) {
      for (let n = 0; n < 100 && socket.writableLength < 200_000; n += 1) {
        socket.write(encodeFrame(JSON.stringify({ text: `flood ${i}`, client_id: `f${(i += 1)}` })));
      }
      counts.frames = i;
      await delay(1);
    }
  },

  async '1,000 sockets that never read'(where, alive) {
    const deaf = (socket) => socket.once('data', () => socket.pause());
    await openAll(where, 1_000, 4, (i) =>
      handshakeRequest(`/ws/chat/${where.roomId}?token=${where.tokens[i % where.tokens.length]}`), alive, deaf);
    const senders = where.senders.map((token) => {
      const socket = connect(where, '127.0.1.9', handshakeRequest(`/ws/chat/${where.roomId}?token=${token}`));
      socket.on('data', () => {});
      return socket;
    });
    const frame = encodeFrame(JSON.stringify({ text: 'x'.repeat(3_900) }));
    while (alive()) {
      for (const socket of senders) {
        if (socket.writableLength < 100_000) socket.write(frame);
        count('texts of 3,900 bytes');
      }
      await delay(20);
    }
  },
};

// A flood run that has failed, or was killed, takes us with it.
process.on('disconnect', () => process.exit(1));

process.once('message', async ({ name, where }) => {
  let on = true;
  process.on('message', () => (on = false));
  process.send('ready');
  await floods[name](where, () => on);
  counts['open at the end'] = sockets.size;
  process.send(counts, () => process.exit(0)); // every socket goes with it
});
