// What the REST bench asks for: rooms with members, each with a log, and accounts that can log in.
import { seed } from '../servers/banter.mjs';

const ROOMS = 20;
const MEMBERS = 20;
const MESSAGES = 1000;
const TEXT = 'What one says in a chat is short, and this has the length of a sentence or two, no more. ';
const ACCOUNTS = 16;

async function writeLog(database, room, members) {
  const now = Date.now() * 1000;
  const rows = Array.from({ length: MESSAGES }, (_, i) => {
    const seq = MEMBERS + 1 + i;
    const key = (BigInt(room) * 1_000_000n + BigInt(seq)).toString(16).padStart(32, '0');
    return `(${room},${seq},1,${members[(i * 7) % members.length]},${now + i},UNHEX('${key}'),'${TEXT.slice(0, 40 + ((i * 13) % 48))}')`;
  });
  await database.query(
    `INSERT INTO events (room_id, seq, kind, actor_id, created_at_us, dedupe_key, body) VALUES ${rows.join(',')}`,
  );
}

const post = (url, body) =>
  fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });

async function register(url) {
  const accounts = [];
  for (let i = 0; i < ACCOUNTS; i += 1) {
    const account = { username: `login${i}`, password: `correct horse battery ${i}` };
    const answer = await post(`${url}/api/register`, { ...account, email: `login${i}@example.org` });
    if (answer.status !== 200) throw new Error(`register: ${answer.status} ${await answer.text()}`);
    accounts.push(account);
  }
  return accounts;
}

// {plan, requests}: lines for the program "statements", and for wrk by name.
export async function fill(database, url) {
  const lines = await seed(database, Array.from({ length: ROOMS }, () => ({ members: MEMBERS, senders: 0 })));
  const askers = lines.map((line) => {
    const [, room, token] = /\/ws\/chat\/(\d+)\?token=(\w+)/.exec(line);
    return { room: Number(room), token };
  });
  const rows = await database.query('SELECT room_id, user_id FROM room_members ORDER BY room_id, user_id');
  for (const room of new Set(askers.map((asker) => asker.room)))
    await writeLog(database, room, rows.filter(([id]) => Number(id) === room).map(([, user]) => user));
  await database.query('ANALYZE TABLE users, sessions, rooms, room_members, events');
  const accounts = await register(url);
  const last = Math.max(...askers.map(({ room }) => room));
  const first = Math.min(...askers.map(({ room }) => room));
  const api = '/api/chat/rooms';
  return {
    plan: askers.map(({ room, token }) => `${room} ${token}`),
    strangers: askers.map(({ room, token }) => `${room === last ? first : room + 1} ${token}`),
    requests: {
      health: ['GET /health'],
      history: askers.map(({ room, token }) => `GET ${api}/${room}/messages?limit=100 ${token}`),
      rooms: askers.map(({ token }) => `GET ${api}?limit=100 ${token}`),
      membership: askers.map(({ room, token }) => `GET ${api}/${room === last ? first : room + 1}/messages ${token}`),
      login: accounts.map((account) => `POST /api/login ${JSON.stringify(account)}`),
    },
  };
}
