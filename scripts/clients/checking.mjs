// What the clients' programs for Node share; as checking.py, which explains it.
import { writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';

export const PROMPT = 'a big yellow star on a black background';
export const STAR = { colour: 'yellow', shape: 'star', background: 'black', place: 'middle' };
export const OTHER = 'a big red star on a white background';
export const RED = { colour: 'red', background: 'white', place: 'middle' };

const [program, address, key, folder] = process.argv.slice(1);
let pictures = [];
let count = 0;

export const desk = {
  address,
  key,
  path: (name) => join(folder, `${name}.png`),
  got(base64, { size = [128, 128], shows = {}, alike = false, masked = false } = {}) {
    count += 1;
    const file = join(folder, `${basename(program, '.mjs')}-${count}.png`);
    writeFileSync(file, Buffer.from(base64, 'base64'));
    pictures.push({ file, size, shows, alike, masked });
  },
};

export async function run(checks) {
  for (const [check, action] of Object.entries(checks)) {
    pictures = [];
    let error = null;
    try {
      await action();
    } catch (raised) {
      error = `${raised.constructor.name}: ${String(raised.message).slice(0, 300)}`;
    }
    console.log(JSON.stringify({ check, absent: null, error, pictures }));
  }
}

export async function fails(kind, action) {
  try {
    await action();
  } catch (raised) {
    if (raised instanceof kind) return;
    throw raised;
  }
  throw new Error(`no ${kind.name} was raised`);
}
