/** A process that only asks for the health of a server, so that its times are the server's: `health-probe.ts <url> <seconds>`. */
import { setTimeout as sleep } from 'node:timers/promises';

const [url, seconds] = process.argv.slice(2);
const times: number[] = [];
const end = performance.now() + Number(seconds) * 1000;
while (performance.now() < end) {
  const start = performance.now();
  await (await fetch(`${url!}/health`)).text();
  times.push(performance.now() - start);
  await sleep(100);
}
process.stdout.write(JSON.stringify(times));
