// Rooms with ws (npm), as its documentation broadcasts: ws.mjs PORT
import { createServer } from 'node:http';
import { WebSocketServer } from 'ws';

const rooms = new Map();
const server = createServer();
const sockets = new WebSocketServer({ server, perMessageDeflate: false });

sockets.on('connection', (socket, request) => {
  const room = rooms.get(request.url) ?? new Set();
  rooms.set(request.url, room);
  room.add(socket);
  socket.on('message', (data) => {
    for (const member of room) member.send(data, { binary: false });
  });
  socket.on('close', () => room.delete(socket));
  socket.on('error', () => socket.terminate());
});
server.listen({ port: Number(process.argv[2]), host: '127.0.0.1', backlog: 4096 }, () => console.log('ready'));
process.on('SIGTERM', () => process.exit(0));
