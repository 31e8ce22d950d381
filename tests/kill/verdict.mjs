// What is true in the end: the log, read row by row, against what was acknowledged and received.

async function readLog(stack, roomId) {
  const rows = await stack.database.query(
    `SELECT seq, kind, actor_id, TO_BASE64(body) FROM events WHERE room_id = ${Number(roomId)} ORDER BY seq`,
  );
  return rows.map(([seq, kind, actor, body]) => [
    Number(seq),
    Number(kind),
    Number(actor),
    body === 'NULL' ? null : Buffer.from(body.replaceAll('\\n', ''), 'base64').toString('utf8'),
  ]);
}

const MESSAGE = 1;

function checkSends(world, roomId, rows) {
  const places = new Map();
  for (const [seq, kind, , text] of rows) {
    if (kind !== MESSAGE) continue;
    const clientId = text.slice(0, text.indexOf(' '));
    const send = world.sends.all.get(clientId);
    if (!send || send.text !== text || send.roomId !== roomId) {
      world.fault('content', `room ${roomId}, event ${seq}: nobody sent this`);
    } else if (places.has(clientId)) {
      world.fault('twice', `${clientId} is in the log as ${places.get(clientId)} and as ${seq}`);
    }
    places.set(clientId, seq);
  }
  const tally = { acknowledged: 0, unacknowledged_stored: 0, unacknowledged_absent: 0 };
  for (const send of world.sends.all.values()) {
    if (send.roomId !== roomId) continue;
    const seq = places.get(send.clientId);
    if (send.acked === 0) {
      tally[seq === undefined ? 'unacknowledged_absent' : 'unacknowledged_stored'] += 1;
    } else if (seq !== send.acked) {
      world.fault('lost', `${send.clientId} was acknowledged as ${send.acked}; in the log: ${seq ?? 'not at all'}`);
    } else {
      tally.acknowledged += 1;
    }
  }
  return tally;
}

// Sockets without `since`, too, miss nothing between their first and their last message.
function checkSpans(world, roomId, rows) {
  const messagesUpTo = [0];
  for (const [seq, kind] of rows) messagesUpTo[seq] = messagesUpTo[seq - 1] + (kind === MESSAGE ? 1 : 0);
  for (const span of world.spans) {
    if (span.roomId !== roomId || span.count === 0) continue;
    const there = messagesUpTo[span.last] - messagesUpTo[span.first - 1];
    if (there !== span.count) {
      world.fault('hole', `${span.client.name}, room ${roomId}: ${span.count} of the ${there} messages from ${span.first} to ${span.last}`);
    }
  }
}

function checkNumbers(world, roomId, rows, audit) {
  rows.forEach(([seq], i) => {
    if (seq !== i + 1) world.fault('hole', `room ${roomId}: row ${i + 1} of the log has number ${seq}`);
  });
  if (audit.holes !== 0 || audit.first_seq !== 1 || audit.last_seq !== rows.length || audit.count !== rows.length) {
    world.fault('hole', `room ${roomId}: ${rows.length} rows, but verify says ${JSON.stringify(audit)}`);
  }
}

export async function judge(world, stack, { owner, rooms }) {
  const log = { events: 0, acknowledged: 0, unacknowledged_stored: 0, unacknowledged_absent: 0 };
  for (const roomId of rooms) {
    const rows = await readLog(stack, roomId);
    const audit = (await owner.api.get(`/api/chat/rooms/${roomId}/verify`)).json;
    checkNumbers(world, roomId, rows, audit);
    const tally = checkSends(world, roomId, rows);
    checkSpans(world, roomId, rows);
    world.books.compare(roomId, rows);
    log.events += rows.length;
    for (const [name, count] of Object.entries(tally)) log[name] += count;
  }
  const lists = world.clients.flatMap((client) => client.progress).length;
  const faults = { lost: 0, twice: 0, repeat: 0, hole: 0 };
  for (const { kind } of world.faults) faults[kind] = (faults[kind] ?? 0) + 1;
  return {
    ok: world.faults.length === 0,
    counts: { ...world.counts, lists_compared: lists, plain_connections: world.spans.length },
    log,
    faults,
    first_faults: world.faults.slice(0, 20),
  };
}

const flat = (object, prefix = '') =>
  Object.entries(object).flatMap(([name, value]) =>
    value !== null && typeof value === 'object' ? flat(value, `${prefix}${name}: `) : [[`${prefix}${name}`, value]],
  );

const SHOWN_METRICS = [
  'cursor_fallbacks_total', 'log_pages_total', 'bus_gaps_total', 'bus_bad_messages_total',
  'command_repeats_total', 'command_timeouts_total', 'ephemeral_shed_total', 'ws_deliveries_total',
];

export function table(result) {
  const metrics = Object.fromEntries(SHOWN_METRICS.map((name) => [name, result.metrics?.[name] ?? '-']));
  const parts = { counts: result.counts, log: result.log, chaos: result.chaos ?? {}, metrics, faults: result.faults };
  const lines = [`seed ${result.seed}: ${result.ok ? 'every promise held' : 'FAILED'}`];
  for (const [title, part] of Object.entries(parts)) {
    lines.push('', title);
    for (const [name, value] of flat(part)) lines.push(`  ${name.padEnd(34)} ${String(value).padStart(10)}`);
  }
  for (const { kind, sentence } of result.first_faults) lines.push(`  FAULT ${kind}: ${sentence}`);
  return lines.join('\n');
}
