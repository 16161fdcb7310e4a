import { createHash } from "node:crypto";
import { mkdir, open, rename, stat } from "node:fs/promises";
import { join } from "node:path";

/**
 * Remembers what has been done, longer than the process lives: a file for each thing. A shop that has a database
 * takes a table with a unique index, which all of its servers share.
 */
export class Notes {
  readonly #dir: string;

  constructor(dir: string) {
    this.#dir = dir;
  }

  async has(key: string): Promise<boolean> {
    try {
      await stat(this.#file(key));
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
      throw error;
    }
  }

  /** Notes a key, and returns when that is on the disk. */
  async add(key: string): Promise<void> {
    await mkdir(this.#dir, { recursive: true, mode: 0o700 });
    const file = this.#file(key);
    const part = `${file}.${process.pid}`;
    const handle = await open(/* turbopackIgnore: true */ part, "w", 0o600);
    try {
      await handle.writeFile(`${new Date().toISOString()} ${key}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(part, file); // a file is there whole, or not at all
  }

  // A key is anybody's text, so it is no name of a file.
  #file = (key: string) => join(this.#dir, createHash("sha256").update(key).digest("hex"));
}
