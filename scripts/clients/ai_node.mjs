// Vercel's `ai` with `@ai-sdk/openai-compatible`: generateImage.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { APICallError, generateImage } from 'ai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { OTHER, PROMPT, RED, STAR, desk, fails, run } from './checking.mjs';

const provider = createOpenAICompatible({ name: 'darkroom', apiKey: desk.key, baseURL: `${desk.address}/v1` });
const model = provider.imageModel('shapes-xl');

// It drops its own `seed`, with a warning; what stands here goes on as it is.
const providerOptions = { darkroom: { seed: 7, steps: 20, guidance_scale: 4, sampler: 'euler' } };
const OF_EDITS = { darkroom: { seed: 7, response_format: 'b64_json' } };

await run({
  generateImage: async () => {
    const { image } = await generateImage({ model, prompt: PROMPT, size: '128x128', providerOptions });
    desk.got(image.base64, { shows: STAR, alike: true });
  },
  'generateImage of several': async () => {
    const { images } = await generateImage({ model, prompt: PROMPT, size: '128x128', n: 2 });
    assert.equal(images.length, 2);
    for (const image of images) desk.got(image.base64, { shows: { background: 'black' } });
  },
  'generateImage from an image': async () => {
    const prompt = { text: OTHER, images: [readFileSync(desk.path('scene'))] };
    const options = { darkroom: { ...OF_EDITS.darkroom, strength: 0.9 } };
    const { image } = await generateImage({ model, prompt, size: '128x128', providerOptions: options });
    desk.got(image.base64, { shows: RED });
  },
  'generateImage under a mask': async () => {
    const [scene, mask] = ['scene', 'clear'].map((name) => readFileSync(desk.path(name)));
    const prompt = { text: OTHER, images: [scene], mask };
    const { image } = await generateImage({ model, prompt, size: '128x128', providerOptions: OF_EDITS });
    desk.got(image.base64, { shows: RED, masked: true });
  },
  'a wrong key is an APICallError': () => {
    const stranger = createOpenAICompatible({ name: 'darkroom', apiKey: 'wrong', baseURL: `${desk.address}/v1` });
    return fails(APICallError, () => generateImage({ model: stranger.imageModel('shapes-xl'), prompt: PROMPT }));
  },
});
