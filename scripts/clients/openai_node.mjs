// `openai` for Node: the images methods in short.
import { createReadStream } from 'node:fs';
import assert from 'node:assert/strict';
import OpenAI from 'openai';
import { OTHER, PROMPT, RED, STAR, desk, fails, run } from './checking.mjs';

const client = new OpenAI({ apiKey: desk.key, baseURL: `${desk.address}/v1` });
const said = { model: 'shapes-xl', size: '128x128', response_format: 'b64_json' };
const scene = () => createReadStream(desk.path('scene'));

await run({
  'models list': async () => {
    const ids = [];
    for await (const model of client.models.list()) ids.push(model.id);
    assert.ok(ids.includes('shapes-xl'));
  },
  generate: async () => {
    const drawn = { seed: 7, steps: 20, guidance_scale: 4, sampler: 'euler' };
    const result = await client.images.generate({ ...said, prompt: PROMPT, ...drawn });
    desk.got(result.data[0].b64_json, { shows: STAR, alike: true });
  },
  'generate in a stream': async () => {
    const events = [];
    const streamed = { seed: 7, stream: true, partial_images: 1 };
    const stream = await client.images.generate({ ...said, prompt: PROMPT, ...streamed });
    for await (const event of stream) events.push(event);
    assert.equal(events.at(-1).type, 'image_generation.completed');
    desk.got(events.at(-1).b64_json, { shows: { colour: 'yellow', background: 'black' } });
  },
  edit: async () => {
    const result = await client.images.edit({ ...said, image: scene(), prompt: OTHER, seed: 7, strength: 0.9 });
    desk.got(result.data[0].b64_json, { shows: RED });
  },
  'edit with a mask': async () => {
    const mask = createReadStream(desk.path('clear'));
    const result = await client.images.edit({ ...said, image: scene(), mask, prompt: OTHER, seed: 7 });
    desk.got(result.data[0].b64_json, { shows: RED, masked: true });
  },
  'create variation': async () => {
    const result = await client.images.createVariation({ ...said, image: scene(), seed: 7, strength: 0.3 });
    desk.got(result.data[0].b64_json, { shows: { colour: 'blue', background: 'white', place: 'middle' } });
  },
  'a wrong key is an AuthenticationError': () => {
    const stranger = new OpenAI({ apiKey: 'wrong', baseURL: `${desk.address}/v1` });
    return fails(OpenAI.AuthenticationError, () => stranger.images.generate({ ...said, prompt: PROMPT }));
  },
});
