// What HAProxy says about its servers, by its admin socket; and what /metrics say.
import net from 'node:net';

function ask(socketPath, command) {
  return new Promise((resolve, reject) => {
    const chunks = [];
    const socket = net.connect(socketPath);
    socket.setTimeout(5_000, () => socket.destroy(new Error('HAProxy says nothing')));
    socket.on('connect', () => socket.write(`${command}\n`));
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('error', reject);
    socket.on('end', () => resolve(Buffer.concat(chunks).toString()));
  });
}

// Its servers that have an address: [{name, address, status, sockets}].
export async function servers(socketPath) {
  const [head, ...lines] = (await ask(socketPath, 'show stat')).replace(/^# /, '').trim().split('\n');
  const columns = head.split(',');
  const column = (fields, name) => fields[columns.indexOf(name)];
  return lines
    .map((line) => line.split(','))
    .filter((fields) => column(fields, 'pxname') === 'gateways' && column(fields, 'type') === '2')
    .map((fields) => ({
      name: column(fields, 'svname'),
      status: column(fields, 'status'),
      sockets: Number(column(fields, 'scur')),
    }))
    .filter(({ status }) => !status.startsWith('MAINT'));
}

// A metric, over all its labels.
export function sumOf(text, name) {
  const found = [...text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'))];
  return found.reduce((sum, [, value]) => sum + Number(value), 0);
}
