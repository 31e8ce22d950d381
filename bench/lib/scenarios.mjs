// What is measured: rooms, load, who takes part. A new scenario is a row here, and its figures a
// row in report.mjs.
//
// figures: the columns of its table, compare: the column of ratios, pictures: what is drawn of it
// (figures.mjs). kind: what a run is made of (runs.mjs). rooms: [how many, members, senders]. load: options of
// the load generator. pinned: the server's worker has a core of its own. seconds: what one run of a
// server takes about, for the estimate.
import { startBanter } from '../servers/banter.mjs';
import { startAtOnce, startBatching } from '../servers/limit.mjs';
import { startNchan } from '../servers/nchan.mjs';
import { startSocketIo, startWs } from '../servers/node.mjs';

export const SERVERS = {
  banter: { title: 'Banter', start: startBanter },
  'limit-batching': { title: 'limit, batching', start: startBatching },
  'limit-at-once': { title: 'limit, at once', start: startAtOnce },
  nchan: { title: 'nchan', start: startNchan },
  ws: { title: 'ws', start: startWs },
  'socket.io': { title: 'Socket.IO', start: startSocketIo },
};

const EVERYBODY = Object.keys(SERVERS);
const TIMES = { 'warm-up': 1, measure: 3, settle: 1 };

// Files here are in memory: a commit waits for no disk.
const MEMORY_DIR = '/dev/shm';

// Rooms of 100 members, with so many messages a second in each of them.
const manyRooms = (rate, times, seconds) => ({
  kind: 'flow',
  rooms: [100, 100, 1],
  load: { rate, bytes: 200, ...TIMES, ...times },
  servers: EVERYBODY,
  pinned: true,
  seconds,
  figures: ['deliveries_per_s', 'cpu_us', 'p50_ms', 'p99_ms'],
  compare: { figure: 'cpu_us', to: 'limit-batching' },
  pictures: ['cpu_us', 'latency'],
});

// Near the end of a core the start is felt for longer, so more of it is left out.
const MANY_ROOMS_FULL = manyRooms(10, { 'warm-up': 4 }, 12);
const MANY_ROOMS = manyRooms(2, {}, 8);

// The same without the disk. The limit, which has none in either, stands beside for a p99 of the same minutes.
const MANY_ROOMS_MEMORY = {
  servers: ['banter', 'limit-batching'],
  options: { dataDir: MEMORY_DIR },
  compare: { figure: 'p99_ms', to: 'limit-batching' },
  pictures: ['latency'],
};
const MANY_ROOMS_MEMORY_ABOUT = `with MariaDB’s files in ${MEMORY_DIR}: a commit is the same work and waits for no disk. What differs from Banter’s line there is the disk’s part. The limit stores nothing in either; it is here so that its p99 is of the same minutes.`;

// What a message on its way costs without and with the disk.
const PUBLISH = {
  kind: 'flow',
  rooms: [100, 2, 1],
  load: { rate: 10, bytes: 200, ...TIMES, measure: 4 },
  bulk: { writers: 1, batch: 1, bytes: 200, rooms: 100, rate: 1000, seconds: 3 },
  beside: { bulk: 'a commit alone' },
  pinned: true,
  seconds: 9,
  figures: ['p50_ms', 'p99_ms', 'deliveries_per_s', 'cpu_us'],
  pictures: ['latency'],
};

const INGEST_ABOUT =
  'A message is acknowledged when it is committed. No process is pinned: load generator, two workers, broker and MariaDB share two cores. Beside it the bulk insert alone, into the same table of the same database: 2 writers, 1,000 rows a transaction; and the limit, which stores nothing: what the connections alone cost, with one process instead of four.';

const ingest = (rooms, outstanding) => ({
  kind: 'flow',
  load: { outstanding, bytes: 200, ...TIMES },
  bulk: { writers: 2, batch: 1000, bytes: 200, rooms, seconds: 2 },
  beside: { bulk: 'bulk insert alone' },
  pinned: false,
  seconds: 14,
  figures: ['messages_per_s', 'p50_ms', 'p99_ms'],
  compare: { figure: 'messages_per_s', to: 'bulk' },
  pictures: ['messages_per_s'],
});

export const SCENARIOS = [
  {
    id: 'one_room',
    title: 'One busy room',
    about:
      'One room with 1,000 members; one of them sends texts of 200 bytes and has 64 messages without an answer at any time.',
    kind: 'flow',
    rooms: [1, 1000, 1],
    load: { outstanding: 64, bytes: 200, ...TIMES },
    servers: EVERYBODY,
    pinned: true,
    seconds: 7,
    figures: ['deliveries_per_s', 'cpu_us', 'p50_ms', 'p99_ms'],
    compare: { figure: 'deliveries_per_s', to: 'limit-batching' },
    pictures: ['deliveries_per_s', 'cpu_us'],
  },
  {
    id: 'many_rooms_full',
    title: '100 rooms, 100,000 deliveries a second offered',
    about:
      '100 rooms with 100 members each, 10 messages of 200 bytes a second in each room. That is about what a core can send one by one: who cannot keep up has a queue, and then the latencies are the queue’s. Measured after 4 s of it; elsewhere it is 1 s.',
    ...MANY_ROOMS_FULL,
  },
  {
    id: 'many_rooms',
    title: '100 rooms, 20,000 deliveries a second offered',
    about: 'The same with 2 messages a second in each room, which everybody can deliver: here latencies mean something.',
    ...MANY_ROOMS,
  },
  {
    id: 'many_rooms_full_memory',
    title: '100 rooms, 100,000 deliveries a second offered, the database’s files in memory',
    about: `The same as in the table of 100 rooms and 100,000 deliveries a second, ${MANY_ROOMS_MEMORY_ABOUT}`,
    ...MANY_ROOMS_FULL,
    ...MANY_ROOMS_MEMORY,
  },
  {
    id: 'many_rooms_memory',
    title: '100 rooms, 20,000 deliveries a second offered, the database’s files in memory',
    about: `The same as in the table of 100 rooms and 20,000 deliveries a second, ${MANY_ROOMS_MEMORY_ABOUT}`,
    ...MANY_ROOMS,
    ...MANY_ROOMS_MEMORY,
  },
  {
    id: 'publish',
    title: 'From publish to delivery, durable',
    about:
      '100 rooms with 2 members each and 10 messages a second in each room: 1,000 messages a second, each committed before it is delivered. Beside it a commit alone: one row a transaction, one connection, as many a second, on the same database.',
    ...PUBLISH,
    servers: ['banter', 'limit-batching'],
  },
  {
    id: 'publish_memory',
    title: 'From publish to delivery, the database’s files in memory',
    about: `The same, with MariaDB’s files in ${MEMORY_DIR}: a commit is the same work and waits for no disk. What differs from the table above is the disk’s part.`,
    ...PUBLISH,
    servers: ['banter'],
    options: { dataDir: MEMORY_DIR },
  },
  {
    id: 'ingest_1000',
    title: 'Committed messages, 1,000 rooms',
    about: `1,000 rooms with one member each, who has 8 messages without an answer at any time. ${INGEST_ABOUT}`,
    rooms: [1000, 1, 1],
    ...ingest(1000, 8),
    servers: ['banter', 'limit-batching'],
    options: { workers: 2 },
  },
  {
    id: 'ingest_10000',
    title: 'Committed messages, 10,000 rooms over 10,000 sockets',
    about: `10,000 rooms with one member each, who sends the next message when the last one is acknowledged. ${INGEST_ABOUT}`,
    rooms: [10000, 1, 1],
    ...ingest(10000, 1),
    servers: ['banter', 'limit-batching'],
    options: { workers: 2 },
  },
  {
    id: 'ingest_10000_shared',
    title: 'Committed messages, 10,000 rooms over 1,000 sockets',
    about:
      'The same 10,000 rooms, with people who are in ten of them each and have one socket for all ten: they send the next message to a room when their last one there is acknowledged. The limit knows one room a socket only, and is not in this table.',
    rooms: [10000, 1, 1],
    ...ingest(10000, 1),
    servers: ['banter'],
    options: { workers: 2, roomsPerSocket: 10 },
  },
  {
    id: 'idle',
    title: 'Idle connections',
    about:
      '15,000 connections on one worker, in 150 rooms of 100 members, which say nothing: the growth of the process’s memory (PSS, everything counted) for each of them. What the kernel takes is for both ends, since client and server are on one machine.',
    kind: 'flow',
    rooms: [150, 100, 0],
    load: { 'warm-up': 0, measure: 0, settle: 3, rate: 1 },
    servers: EVERYBODY.filter((name) => name !== 'limit-at-once'),
    pinned: true,
    seconds: 11,
    figures: ['memory_bytes', 'broker_bytes', 'kernel_bytes'],
    compare: { figure: 'memory_bytes', to: 'limit-batching' },
    pictures: ['memory_bytes'],
  },
  {
    id: 'connects',
    title: '5,000 connections at once',
    about:
      'All connect in the same moment. For Banter that is the handshake, the token and the membership: when all are there they go, and come a second time, which is what the table’s first line says (a warm cache); the first time is the line “cold”.',
    kind: 'connects',
    rooms: [50, 100, 0],
    load: { 'warm-up': 0, measure: 0, settle: 0, rate: 1, connecting: 5000 },
    beside: { 'banter-cold': 'Banter, cold' },
    servers: EVERYBODY.filter((name) => name !== 'limit-at-once'),
    pinned: true,
    seconds: 6,
    figures: ['connects_per_s', 'connect_cpu_us', 'connects_per_core'],
    compare: { figure: 'connect_cpu_us', to: 'limit-batching' },
    pictures: ['connects_per_core'],
  },
];
