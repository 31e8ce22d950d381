// The session that the original's README walks through, endpoint by endpoint, with curl and a
// WebSocket client; only the port is another.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import WebSocket from 'ws';
import { run } from './lib/process.mjs';
import { startStack } from './lib/stack.mjs';
import { within } from './lib/wait.mjs';

describe("the original's session", () => {
  let stack;
  before(async () => {
    stack = await startStack({ workers: 2 });
  });
  after(() => stack?.stop());

  // What curl prints, parsed, and the status.
  async function curl(method, path, { token, json } = {}) {
    const args = ['--silent', '--show-error', '--request', method, '--write-out', '\n%{http_code}'];
    if (token) args.push('--header', `Authorization: Bearer ${token}`);
    if (json) args.push('--header', 'Content-Type: application/json', '--data', JSON.stringify(json));
    const { code, stdout, stderr } = await run('curl', [...args, `${stack.url}${path}`]);
    assert.equal(code, 0, stderr);
    const at = stdout.lastIndexOf('\n');
    return { status: Number(stdout.slice(at + 1)), body: JSON.parse(stdout.slice(0, at)) };
  }

  it('from registering to deleting the account', async () => {
    const ada = { username: 'ada', email: 'ada@example.org', password: 'analytical' };
    const bob = { username: 'bob', email: 'bob@example.org', password: 'difference engine' };
    const registered = await curl('POST', '/api/register', { json: ada });
    assert.equal(registered.status, 200);
    assert.deepEqual(registered.body, { id: registered.body.id, username: 'ada', email: 'ada@example.org' });
    const second = await curl('POST', '/api/register', { json: bob });
    assert.equal(second.status, 200);
    assert.equal((await curl('POST', '/api/register', { json: ada })).status, 400);

    const login = async ({ username, password }) => {
      const { status, body } = await curl('POST', '/api/login', { json: { username, password } });
      assert.equal(status, 200);
      assert.equal(body.success, true);
      assert.equal(body.data.token_type, 'bearer');
      return body.data.access_token;
    };
    const [adaToken, bobToken] = [await login(ada), await login(bob)];

    const created = await curl('POST', '/api/chat/rooms', { token: adaToken, json: { name: 'General' } });
    assert.equal(created.status, 200);
    const roomId = created.body.id;
    assert.equal(created.body.name, 'General');
    assert.equal(created.body.creator_id, registered.body.id);
    const listed = await curl('GET', '/api/chat/rooms', { token: bobToken });
    assert.deepEqual(listed.body.map((room) => room.id), [roomId]);
    const joined = await curl('POST', `/api/chat/rooms/${roomId}/join`, { token: bobToken });
    assert.deepEqual(joined.body.data, { room_id: roomId, room_name: 'General' });
    const got = await curl('GET', `/api/chat/rooms/${roomId}`, { token: bobToken });
    assert.deepEqual(got.body.users.map((user) => user.username), ['ada', 'bob']);

    const connect = (token) => {
      const ws = new WebSocket(`${stack.url.replace('http', 'ws')}/ws/chat/${roomId}?token=${token}`);
      ws.received = [];
      ws.on('message', (data) => {
        ws.received.push(JSON.parse(data));
        ws.emit('received');
      });
      return within('the WebSocket', new Promise((resolve, reject) => {
        ws.once('open', () => resolve(ws));
        ws.once('error', reject);
      }));
    };
    const heard = (ws, predicate) => within('a frame', new Promise((resolve) => {
      const look = () => {
        const found = ws.received.find(predicate);
        if (found) resolve(found);
      };
      ws.on('received', look);
      look();
    }));
    const [adaSocket, bobSocket] = [await connect(adaToken), await connect(bobToken)];
    await heard(adaSocket, (frame) => frame.type === 'user_activity' && frame.action === 'joined' && frame.user_id === second.body.id);
    adaSocket.send(JSON.stringify({ text: 'Hello, everyone!' }));
    const message = await heard(bobSocket, (frame) => frame.type === 'new_message');
    assert.equal(message.text, 'Hello, everyone!');
    assert.equal(message.sender_username, 'ada');
    assert.equal(message.sender_id, registered.body.id);
    assert.equal(message.room_id, roomId);
    await heard(adaSocket, (frame) => frame.type === 'new_message');

    const users = await curl('GET', `/api/chat/rooms/${roomId}/users`, { token: adaToken });
    assert.deepEqual(users.body.data.users.map((user) => [user.username, user.is_online]), [['ada', true], ['bob', true]]);
    const history = await curl('GET', `/api/chat/rooms/${roomId}/messages?limit=50`, { token: bobToken });
    assert.deepEqual(history.body.map((one) => one.text), ['Hello, everyone!']);

    bobSocket.close();
    await heard(adaSocket, (frame) => frame.type === 'user_activity' && frame.action === 'left');
    assert.equal((await curl('POST', `/api/chat/rooms/${roomId}/leave`, { token: bobToken })).status, 200);
    assert.equal((await curl('POST', `/api/chat/rooms/${roomId}/leave`, { token: adaToken })).status, 400);
    const closed = new Promise((resolve) => adaSocket.once('close', (code) => resolve(code)));
    assert.equal((await curl('POST', '/api/logout', { token: adaToken })).status, 200);
    assert.equal(await within('the socket to close', closed), 4001);
    assert.equal((await curl('GET', '/api/chat/rooms', { token: adaToken })).status, 401);
    assert.equal((await curl('DELETE', '/api/delete', { token: bobToken })).status, 200);
    assert.equal((await curl('POST', '/api/login', { json: bob })).status, 401);
    assert.deepEqual((await curl('GET', '/health')).body, { status: 'healthy' });
  });
});
