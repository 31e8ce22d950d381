// Folders whose processes end when this process does, even by SIGKILL: see reaper.sh.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

let reaper;

// From now on, processes that were started with BANTER_RUN_DIR or TEST_FOLDER set to dir do not
// outlive us, and neither does dir.
export function endWithUs(dir) {
  if (!reaper) {
    // In a session of its own, and without our stdout, which a runner of tests waits for.
    reaper = spawn('sh', [fileURLToPath(new URL('reaper.sh', import.meta.url))], {
      env: { PATH: process.env.PATH },
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    // It is a net below the net: without it tests hold as well.
    reaper.on('error', () => {});
    reaper.stdin.on('error', () => {});
    reaper.unref();
    reaper.stdin.unref();
  }
  reaper.stdin.write(`${dir}\n`);
}
