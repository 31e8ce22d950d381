// A bot: answers "!time" in every room that it is a member of.
//   BANTER_USER=clock BANTER_PASSWORD=secret node examples/bot.mjs
import { BanterClient } from '@banter/client'
import WebSocket from 'ws'

const { BANTER_URL: url = 'http://localhost:8000', BANTER_USER: username, BANTER_PASSWORD: password } = process.env
const bot = new BanterClient({ url, WebSocket })
await bot.login({ username, password })
bot.on('signed-out', ({ reason }) => {
  console.error(reason)
  process.exit(1)
})
bot.on('message', ({ room_id, id, text, sender_id }) => {
  if (text !== '!time' || sender_id === bot.user?.id) return
  const answer = { clientId: `time-${room_id}-${id}` } // the same after a restart: never answered twice
  bot.room(room_id).send(new Date().toISOString(), answer).catch(console.error)
})
await bot.connect()
for await (const room of bot.rooms()) bot.room(room.id).subscribe() // others' rooms end by themselves
console.log('listening')
