// What was said before a test begins: straight into the tables, as the broker would write it, so that
// it can be long ago and a great deal. The broker does not run meanwhile.
import { Api } from '../system/lib/client.mjs';

export const PASSWORD = 'correct horse battery staple';

// An account with a session: { id, username, token, api }.
export async function newcomer(stack, username) {
  const api = new Api(stack.url);
  const email = `${username.toLowerCase().replace(/[^a-z0-9]/g, '')}@example.org`;
  const account = (await api.post('/api/register', { username, email, password: PASSWORD })).json;
  const { token } = await signIn(stack, username);
  return { id: account.id, username, token, api: api.as(token) };
}

// Another session of somebody.
export async function signIn(stack, username) {
  const answer = await new Api(stack.url).post('/api/login', { username, password: PASSWORD });
  const token = answer.json.data.access_token;
  return { token, api: new Api(stack.url, { token }) };
}

async function whileBrokerIsAway(stack, run) {
  await stack.killBroker();
  await run();
  await stack.startBroker();
  await stack.waitReady();
}

const AFTER_HEAD = (roomId) =>
  `(SELECT MAX(seq) AS seq FROM events WHERE room_id = ${roomId}) head`;

// count messages, "message 1" and so on, of these people in turn, one each minute up to now.
export function fill(stack, roomId, people, count) {
  const from = (Date.now() - count * 60_000) * 1000;
  const sender = `ELT(1 + n.seq DIV 3 % ${people.length}, ${people.map(({ id }) => id).join(', ')})`;
  return whileBrokerIsAway(stack, () =>
    stack.database.query(
      `INSERT INTO events (room_id, seq, kind, actor_id, created_at_us, dedupe_key, body)
       SELECT ${roomId}, head.seq + n.seq, 1, ${sender}, ${from} + n.seq * 60000000,
              UNHEX(MD5(n.seq)),
              CONCAT('message ', n.seq, REPEAT(' and some more words', n.seq % 7))
       FROM seq_1_to_${count} n, ${AFTER_HEAD(roomId)}`,
    ),
  );
}

const quoted = (text) => `'${text.replace(/[\\']/g, (found) => `\\${found}`)}'`;

// lines: [who, minutes ago, text], oldest first.
export function recite(stack, roomId, lines) {
  const now = Date.now();
  return whileBrokerIsAway(stack, async () => {
    for (const [who, minutesAgo, text] of lines) {
      const at = (now - minutesAgo * 60_000) * 1000;
      await stack.database.query(
        `INSERT INTO events (room_id, seq, kind, actor_id, created_at_us, dedupe_key, body)
         SELECT ${roomId}, head.seq + 1, 1, ${who.id}, ${at}, UNHEX(MD5(CONCAT('line', head.seq))),
                ${quoted(text)}
         FROM ${AFTER_HEAD(roomId)}`,
      );
    }
  });
}
