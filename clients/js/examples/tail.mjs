// Shows a room from its first event on, and goes on with what happens: whatever is cut, killed or
// restarted on the way, each event once and in order.
//   BANTER_USER=ada BANTER_PASSWORD=secret node examples/tail.mjs ROOM [SINCE]
import { BanterClient } from '@banter/client'
import WebSocket from 'ws'

const { BANTER_URL: url = 'http://localhost:8000', BANTER_USER: username, BANTER_PASSWORD: password } = process.env
const [roomId, since = '0'] = process.argv.slice(2)
const client = new BanterClient({ url, WebSocket })
client.on('state', (state) => {
  if (state.name === 'waiting') console.error(`away (${state.last.reason || state.last.code}); trying again`)
})
const stop = new AbortController()
process.once('SIGINT', () => stop.abort())

try {
  await client.login({ username, password })
  await client.connect({ signal: stop.signal })
  const events = client.room(Number(roomId)).events({ since: Number(since), signal: stop.signal })
  for await (const event of events) {
    const what = event.type === 'new_message' ? `${event.sender_username ?? 'somebody'}: ${event.text}` : event.type
    console.log(`${event.id} ${event.created_at} ${what}`)
  }
  console.error('the room is over, or one is no member of it')
} catch (error) {
  if (error.code !== 'aborted') {
    console.error(`${error.code}: ${error.message}`)
    process.exitCode = 1
  }
} finally {
  client.close()
}
