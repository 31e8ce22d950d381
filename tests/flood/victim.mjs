// An ordinary client beside a flood, in a process of its own: ten REST calls and ten messages a
// second, and how long each took. Told what to do by its parent: {url, roomId, token}, then 'stop'.
import { performance } from 'node:perf_hooks';
import { Api, Socket } from '../system/lib/client.mjs';

const EVERY_MS = 100;

function summary(took) {
  const sorted = took.toSorted((a, b) => a - b);
  const at = (q) => Math.round((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0) * 10) / 10;
  return { count: sorted.length, p50: at(0.5), p99: at(0.99), max: at(1) };
}

async function measure({ url, roomId, token }) {
  const api = new Api(url, { token });
  const socket = await Socket.open(url, roomId, token);
  const rest = [];
  const messages = [];
  const faults = [];
  const waiting = new Map();
  let sent = 0;
  const run = `${process.pid}`;

  socket.onFrame = (frame) => {
    const began = waiting.get(frame.text);
    if (began !== undefined && frame.type === 'new_message') messages.push(performance.now() - began);
    if (frame.type === 'error') faults.push(`error frame ${frame.code}`);
    if (frame.type === 'new_message') waiting.delete(frame.text);
    socket.frames.length = 0;
  };
  socket.closed.then((close) => faults.push(`closed ${close.code} ${close.reason}`));
  const timer = setInterval(() => {
    const text = `victim ${run} ${(sent += 1)}`;
    waiting.set(text, performance.now());
    socket.send({ text });
    const began = performance.now();
    api.get('/api/chat/rooms').then(
      (answer) => (answer.status === 200 ? rest.push(performance.now() - began) : faults.push(`REST ${answer.status}`)),
      (error) => faults.push(`REST ${error.message}`),
    );
  }, EVERY_MS);
  process.on('message', () => {
    clearInterval(timer);
    // What is under way has a moment to come.
    const until = performance.now() + 10_000;
    const end = () => {
      if ((waiting.size > 0 || rest.length < sent) && faults.length === 0 && performance.now() < until) return setTimeout(end, 20);
      if (waiting.size > 0) faults.push(`${waiting.size} messages did not come`);
      process.send({ rest: summary(rest), messages: summary(messages), faults: [...new Set(faults)].slice(0, 5) }, () => process.exit(0));
    };
    end();
  });
  process.send('ready');
}

// A flood run that has failed, or was killed, takes us with it.
process.on('disconnect', () => process.exit(1));

process.once('message', measure);
