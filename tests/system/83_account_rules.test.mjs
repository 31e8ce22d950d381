// What new names, addresses and passwords may be; and that accounts from before the rules go on.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Api, assertError, uniqueName } from './lib/client.mjs';
import { ctl } from './lib/ctl.mjs';
import { startStack } from './lib/stack.mjs';

const PASSWORD = 'correct horse';
// bcrypt of "U*U" (the test vectors of Openwall's crypt_blowfish).
const U_U = '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW';

describe('rules of accounts', () => {
  let stack;
  let api;
  before(async () => {
    stack = await startStack();
    api = new Api(stack.url);
  });
  after(() => stack?.stop());

  const register = (fields) => {
    const username = uniqueName('rule');
    return api.post('/api/register', { username, email: `${username}@example.org`, password: PASSWORD, ...fields });
  };
  const login = (username, password = PASSWORD) => api.post('/api/login', { username, password });

  it('refuses passwords that are too short, or tried first', async () => {
    const username = uniqueName('Rule');
    const cases = [
      ['short', 'password_too_short'],
      ['\u{1F511}x', 'password_too_short'],
      ['', 'password_too_short'],
      ['password1', 'password_too_common'],
      ['PassWord1', 'password_too_common'],
      ['qwertyuiop', 'password_too_common'],
      ['aaaaaaaaaaaaaaaa', 'password_too_common'],
      [username.toLowerCase(), 'password_too_common'],
      [`${username}@example.org`, 'password_too_common'],
    ];
    for (const [password, code] of cases) {
      const answer = assertError(await register({ username, email: `${username}@example.org`, password }), 422, code);
      assert.deepEqual(answer.json.data, { field: 'password' }, password);
    }
    const answer = await register({ username, password: '\u{1F511}\u{1F511}' });
    assert.equal(answer.status, 200, 'eight bytes');
  });

  it('lets accounts with such passwords log in', async () => {
    const user = await api.register('early');
    await stack.database.query(`UPDATE users SET password_hash = '${U_U}' WHERE id = ${user.id}`);
    assert.equal((await login(user.username, 'U*U')).status, 200);
    assert.equal((await login(user.username, 'U*U')).status, 200, 'with the hash that replaced it');
  });

  it('stores a name in Normalization Form C, and finds it in any form', async () => {
    const tail = uniqueName('');
    // Letters and their marks, marks in another order, Hangul in pieces, a sign that is a letter.
    for (const way of ['zoe\u0308', 'q\u0307\u0323', '\u1112\u1161\u11ab', '\u212b']) {
      const sent = `${way} ${tail}`;
      const name = sent.normalize('NFC');
      assert.notEqual(sent, name);
      const answer = await register({ username: sent });
      assert.equal(answer.status, 200, answer.text);
      assert.equal(answer.json.username, name);
      for (const form of [sent, ...['NFC', 'NFD', 'NFKC', 'NFKD'].map((one) => name.normalize(one))]) {
        assertError(await register({ username: form }), 400, 'username_taken');
        assert.equal((await login(form)).status, 200, encodeURIComponent(form));
      }
    }
  });

  it('takes names that differ in letter case, or in compatible characters, for one', async () => {
    const tail = uniqueName('');
    for (const [first, second] of [['ada', 'ADA'], ['straẞe', 'straße'], ['\uff41da wide', 'ADA wide'],
      ['\ufb01sh', 'fish'], ['\u212a', 'k'], ['\u03c3', '\u03c2'], ['i\u0307', '\u0130'], ['\u{10400}', '\u{10428}']]) {
      assert.equal((await register({ username: `${first}${tail}` })).status, 200, first);
      assertError(await register({ username: `${second}${tail}` }), 400, 'username_taken');
      assert.equal((await login(`${second}${tail}`)).status, 200, second);
    }
    for (const name of ['ad\u00e1', 'stra\u015fe', '\u0430da']) {
      assert.equal((await register({ username: `${name}${tail}` })).status, 200, name);
    }
  });

  it('refuses names with something that cannot be seen', async () => {
    const ways = ['\u0000', '\u0007', '\u001b[2J', '\u0085', '\u00a0', '\u00ad', '\u034f', '\u061c', '\u115f', '\u17b4', '\u180e',
      '\u200b', '\u200c', '\u200d', '\u200e', '\u200f', '\u2028', '\u202a', '\u202e', '\u2060', '\u2066', '\u2069', '\u3000', '\u3164',
      '\ufe0f', '\ufeff', '\uffa0', '\ufff9', '\uffff', '\ue000', '\u{e0041}', '\u{e0100}', '\u{1d173}'];
    for (const way of ways) {
      const answer = await register({ username: `a${way}b` });
      assert.equal(answer.status, 422, `U+${way.codePointAt(0).toString(16)}: ${answer.text}`);
    }
    for (const username of [' a', 'a ', 'a  b', ' ']) {
      const answer = assertError(await register({ username }), 422, 'validation_failed');
      assert.equal(answer.json.data.field, 'username');
    }
  });

  it('lets accounts with such names log in', async () => {
    const tail = uniqueName('');
    for (const name of [` a  b ${tail}`, `\u202e${tail}`, `a\u200d${tail}`, `q\u0307\u0323${tail}`, `\u1112\u1161\u11ab${tail}`]) {
      const user = await api.register('early');
      await stack.database.query(`UPDATE users SET username = X'${Buffer.from(name).toString('hex')}' WHERE id = ${user.id}`);
      const answer = await login(name, user.password);
      assert.equal(answer.status, 200, `${encodeURIComponent(name)}: ${answer.text}`);
      assertError(await login(name, PASSWORD), 401, 'invalid_credentials');
    }
  });

  it('takes one address for one account, its domain in lower case', async () => {
    const local = uniqueName('Mail');
    const answer = await register({ email: `${local}@Example.ORG` });
    assert.equal(answer.json.email, `${local}@example.org`);
    for (const email of [`${local}@example.org`, `${local.toUpperCase()}@EXAMPLE.org`]) {
      assertError(await register({ email }), 400, 'email_taken');
    }
    for (const email of ['a b@c', '.a@b', 'a.@b', 'a..b@c', '"a b"@c', 'a@[127.0.0.1]', 'a@-b', 'a@b.', 'a@b_c', 'a@b@c', 'a\u202e@b']) {
      const refused = assertError(await register({ email }), 422, 'validation_failed');
      assert.equal(refused.json.data.field, 'email', email);
    }
  });

  it('checks the same for operators', async () => {
    const create = (name, email, input = `${PASSWORD}\n`) =>
      ctl(stack, ['user', 'create', name, email, '--password-stdin', '--json'], { input });
    const name = uniqueName('Ope');
    for (const [wrong, email, input] of [[' ope', 'a@b'], ['o\u202epe', 'a@b'], [name, 'a..b@c'], [name, 'a@b', 'short\n'], [name, 'a@b', 'Password1\n']]) {
      assert.equal((await create(wrong, email, input)).code, 2, `${wrong} ${email} ${input}`);
    }
    const made = await create(`${name} zoe\u0308`, `${name}@Example.org`);
    assert.deepEqual([made.lines[0].username, made.lines[0].email], [`${name} zoë`, `${name}@example.org`]);
    assert.equal((await login(`${name} zoë`)).status, 200);
    const reset = (input) => ctl(stack, ['user', 'reset-password', `${name} zoë`, '--password-stdin'], { input });
    assert.equal((await reset('password1\n')).code, 2);
    assert.equal((await reset(`${name} zoë\n`)).code, 2, 'the name');
    assert.equal((await login(`${name} zoë`)).status, 200, 'nothing has changed');
  });
});
