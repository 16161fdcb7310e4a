// Programs that live and end together.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";

const AGAIN = 5_000; // ms
const PATIENCE = 8_000; // ms that a program may take to end

/** The programs that have been started, the first first. Ended last begun, first ended. */
export class Children {
  #running = [];
  #ending;
  #failed;

  /** Resolves with what went wrong when one ends that nobody ended. */
  failed = new Promise((resolve) => {
    this.#failed = resolve;
  });

  /** Starts a program whose output is shown line by line behind its name. again: when it ends unbidden, it is started once more. */
  start(name, command, args, env = {}, { again = false } = {}) {
    // A group of its own: Ctrl-C in the terminal is for us, who then end the children in order, and each of them once.
    const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"], detached: true });
    const ended = new Promise((resolve) => {
      child.once("error", (error) => resolve(error.message));
      child.once("exit", (code, signal) => resolve(signal ?? `status ${code}`));
    });
    for (const output of [child.stdout, child.stderr]) {
      createInterface(output).on("line", (line) => console.log(`${name.padEnd(7)} ${line}`));
    }
    this.#running.push({ name, child, ended });
    ended.then(async (how) => {
      if (this.#ending) return;
      if (!again) return this.#failed(`${name} has ended: ${how}`);
      console.log(`${name} has ended: ${how}; it is started again in ${AGAIN / 1000} s`);
      await sleep(AGAIN);
      if (!this.#ending) this.start(name, command, args, env, { again });
    });
  }

  /** Ends all of them, and returns when they have. */
  stop() {
    this.#ending ??= (async () => {
      for (const { name, child, ended } of this.#running.toReversed()) {
        if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) continue;
        const tell = (signal) => {
          try {
            process.kill(-child.pid, signal); // and what it has started: tsc is a program behind a script
          } catch {
            // all of them have ended
          }
        };
        tell("SIGTERM");
        const late = setTimeout(() => {
          console.log(`${name.padEnd(7)} doesn't end by itself`);
          tell("SIGKILL");
        }, PATIENCE);
        await ended;
        clearTimeout(late);
      }
    })();
    return this.#ending;
  }
}
