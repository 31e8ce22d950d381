// One run of one scenario, for trying out: one.mjs SCENARIO SERVER ['{"rate": 5}']
import { runOnce } from './lib/runs.mjs';
import { SCENARIOS } from './lib/scenarios.mjs';

const [id = 'one_room', server = 'banter', load = '{}'] = process.argv.slice(2);
const scenario = SCENARIOS.find((one) => one.id === id);
if (!scenario) throw new Error(`scenarios: ${SCENARIOS.map((one) => one.id).join(', ')}`);
for (const result of await runOnce(server, { ...scenario, load: { ...scenario.load, ...JSON.parse(load) } }, 0))
  console.log(JSON.stringify(result, null, 1));
