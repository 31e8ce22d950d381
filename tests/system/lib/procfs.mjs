// What Linux tells about processes: children, open sockets, memory. Everything is read from /proc.
import fs from 'node:fs';

export function isAlive(pid) {
  try {
    // State Z: dead, but not yet waited for.
    return !/^State:\s+[ZX]/m.test(fs.readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

// Whether every thread has stopped. A process goes on for a while after its SIGSTOP: one of its threads
// gets the signal, and only when that has a processor again are the others told.
export function isStopped(pid) {
  return fs.readdirSync(`/proc/${pid}/task`).every((thread) =>
    /^State:\s+[tT]/m.test(fs.readFileSync(`/proc/${pid}/task/${thread}/status`, 'utf8')));
}

function allPids() {
  return fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number);
}

export function parentOf(pid) {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'latin1');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return 0;
  }
}

export function childrenOf(pid) {
  return allPids()
    .filter((other) => parentOf(other) === pid && isAlive(other))
    .sort((a, b) => a - b);
}

// Every process that was started with this variable: finds what lost its parent, too.
export function pidsWithEnvironment(assignment) {
  return allPids().filter((pid) => {
    try {
      return (
        isAlive(pid) &&
        fs.readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0').includes(assignment)
      );
    } catch {
      return false;
    }
  });
}

// The inode of the server's end of a loopback TCP connection, or 0.
function serverInode(serverPort, clientPort) {
  const hex = (port) => port.toString(16).toUpperCase().padStart(4, '0');
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    let text;
    try {
      text = fs.readFileSync(table, 'latin1');
    } catch {
      continue;
    }
    for (const line of text.split('\n').slice(1)) {
      const field = line.trim().split(/\s+/);
      if (field.length < 10) continue;
      if (field[1].endsWith(`:${hex(serverPort)}`) && field[2].endsWith(`:${hex(clientPort)}`)) {
        return Number(field[9]);
      }
    }
  }
  return 0;
}

// Which of the processes holds the server's end of the connection from clientPort; 0 if none.
export function holderOfConnection(pids, serverPort, clientPort) {
  const inode = serverInode(serverPort, clientPort);
  if (inode === 0) return 0;
  for (const pid of pids) {
    try {
      for (const fd of fs.readdirSync(`/proc/${pid}/fd`)) {
        try {
          if (fs.readlinkSync(`/proc/${pid}/fd/${fd}`) === `socket:[${inode}]`) return pid;
        } catch {
          // closed meanwhile
        }
      }
    } catch {
      // gone meanwhile
    }
  }
  return 0;
}

export function residentBytes(pid) {
  const line = /^VmRSS:\s+(\d+) kB/m.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'));
  return line ? Number(line[1]) * 1024 : 0;
}

export function openFiles(pid) {
  return fs.readdirSync(`/proc/${pid}/fd`).length;
}
