// What the scripts of npm's frameworks share: where packages are, and what is printed.

import { createRequire } from "node:module";
import { join } from "node:path";
import process from "node:process";

/** Packages of the stage, and none that lies about. */
export const load = createRequire(join(process.env.NODE_MODULES, "none.js"));

/** Does one of the tasks that the command line names, and prints its result as JSON. */
export async function main(tasks) {
  const [, , task, url, key, model, ...texts] = process.argv;
  console.log(JSON.stringify(await tasks[task]({ url, key, model }, ...texts)));
}
