// Two accounts in a room of their own play ten times ping-pong over their sockets, and say how long a
// message took from its send to the other one's eyes.
//   node examples/ping_pong.mjs
import { BanterClient } from '@banter/client'
import WebSocket from 'ws'

const url = process.env.BANTER_URL ?? 'http://localhost:8000'
const ROUNDS = 10

async function player(name) {
  const client = new BanterClient({ url, WebSocket })
  const username = `${name}-${Date.now().toString(36)}`
  await client.register({ username, email: `${username}@example.org`, password: 'table tennis' })
  await client.login({ username, password: 'table tennis' })
  await client.connect()
  return client
}

const [ping, pong] = await Promise.all([player('ping'), player('pong')])
const { id } = await ping.createRoom('Table')
await pong.joinRoom(id)

const live = (client) =>
  new Promise((resolve) => {
    client.room(id).on('state', (state) => state === 'live' && resolve())
    client.room(id).subscribe()
  })
await Promise.all([live(ping), live(pong)])

pong.room(id).on('message', ({ text }) => {
  if (text.startsWith('ping')) pong.room(id).send(text.replace('ping', 'pong')).catch(console.error)
})
const times = []
for (let round = 1; round <= ROUNDS; round++) {
  const began = performance.now()
  const answered = new Promise((resolve) => {
    const unlisten = ping.room(id).on('message', ({ text }) => {
      if (text === `pong ${round}`) resolve(unlisten())
    })
  })
  await ping.room(id).send(`ping ${round}`)
  await answered
  times.push((performance.now() - began) / 2)
}
times.sort((a, b) => a - b)
console.log(`${ROUNDS} rounds; one way, median ${times[ROUNDS / 2].toFixed(1)} ms`)
for (const client of [ping, pong]) {
  await client.deleteAccount()
  client.close()
}
