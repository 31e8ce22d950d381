// Banter as it is deployed, in small: MariaDB, one broker, one gateway with one worker. Accounts,
// sessions, rooms and members are written into the database at once, since logging thousands in
// would only measure scrypt.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { startStack } from '../../tests/system/lib/stack.mjs';

const PIECE = 5000;

const hex = (text) => createHash('sha256').update(text).digest('hex');

// As the gateway makes them: 64 hexadecimal digits.
const token = (user) => hex(`user ${user}`);

async function insert(database, table, columns, rows) {
  for (let from = 0; from < rows.length; from += PIECE) {
    const values = rows.slice(from, from + PIECE).map((row) => `(${row.join(',')})`);
    await database.query(`INSERT INTO ${table} (${columns}) VALUES ${values.join(',')}`);
  }
}

const FIRST_ROOM = 1000; // the id of the plan's room 0

// How a member connects: with a room's socket, or, being in several, with one for all of them.
const address = (room, user, shared) =>
  shared ? `/ws/chat?token=${token(user)}` : `/ws/chat/${room}?token=${token(user)}&since=0`;

// rooms: [{ members, senders }], of which so many that follow each other have the same people, with
// a socket each; gives the plan's lines.
export async function seed(database, rooms, roomsPerSocket = 1) {
  const now = Date.now() * 1000;
  const users = [];
  const sessions = [];
  const roomRows = [];
  const members = [];
  const plan = [];
  let user = 1000;
  for (let first = 0; first < rooms.length; first += roomsPerSocket) {
    const group = rooms.slice(first, first + roomsPerSocket);
    const count = Math.max(...group.map(({ members: most }) => most));
    group.forEach(({ members: most }, i) => {
      const room = FIRST_ROOM + first + i;
      roomRows.push([room, `'bench ${room}'`, user + 1, most, `UNHEX('${hex(`room ${room}`).slice(0, 32)}')`, now]);
    });
    for (let i = 0; i < count; i += 1) {
      user += 1;
      users.push([user, `'bench${user}'`, now]);
      sessions.push([`UNHEX('${createHash('sha256').update(token(user)).digest('hex')}')`, user, now, now + 86400e6]);
      let where = address(FIRST_ROOM + first, user, roomsPerSocket > 1);
      group.forEach(({ members: most, senders }, j) => {
        if (i >= most) return;
        members.push([FIRST_ROOM + first + j, user, i + 1]);
        plan.push(`${first + j} ${i < senders ? 's' : '-'} ${where}`);
        where = '+';
      });
    }
  }
  await insert(database, 'users', 'id, username, created_at_us', users);
  await insert(database, 'sessions', 'token_hash, user_id, created_at_us, expires_at_us', sessions);
  await insert(database, 'rooms', 'id, name, creator_id, member_count, create_key, created_at_us', roomRows);
  await insert(database, 'room_members', 'room_id, user_id, joined_seq', members);
  return plan;
}

const pin = (pid, core) => execFileSync('taskset', ['-a', '-p', '-c', String(core), String(pid)], { stdio: 'ignore' });

// One machine plays thousands of people, and as many come at once as in no normal hour: what bounds
// a single user or address is off, and the queues are as long as the crowd.
export const CROWD = {
  rate_request: 0,
  rate_send: 0,
  rate_join: 0,
  rate_history: 0,
  http_connections_per_address: 0,
  sockets_per_address: 0,
  handshakes_max: 20000,
  db_queue: 20000,
};

// The worker has the server's core; everything else shares the load's. Without cores nothing is
// pinned. worker is the first of them, for when there is only one. The database's files are in
// dataDir, or where the scenario says nothing, in BENCH_DATA_DIR.
export async function startBanter({
  rooms, roomsPerSocket = 1, serverCore, loadCore, workers = 1, brokers = 1, env = {}, dataDir = process.env.BENCH_DATA_DIR,
}) {
  const stack = await startStack({ workers, brokers, dataDir, env: { log_level: 'warn', ...CROWD, ...env } });
  try {
    const plan = await seed(stack.database, rooms, roomsPerSocket);
    const [broker, ...otherBrokers] = stack.brokers.map(({ pid }) => pid);
    const [worker, ...others] = stack.workers();
    if (serverCore !== undefined) {
      for (const pid of [stack.database.pid, broker, ...otherBrokers, stack.gateways[0].pid]) pin(pid, loadCore);
      for (const pid of [worker, ...others]) pin(pid, serverCore);
    }
    return {
      stack,
      protocol: roomsPerSocket > 1 ? 'banter-rooms' : 'banter',
      naming: { 'first-room': FIRST_ROOM },
      address: `127.0.0.1:${stack.port}`,
      database: stack.database.url,
      plan,
      processes: {
        worker,
        ...Object.fromEntries(others.map((pid, i) => [`worker${i + 2}`, pid])),
        broker,
        ...Object.fromEntries(otherBrokers.map((pid, i) => [`broker${i + 2}`, pid])),
        mariadb: stack.database.pid,
      },
      stop: () => stack.stop(),
    };
  } catch (error) {
    await stack.discard();
    throw error;
  }
}
