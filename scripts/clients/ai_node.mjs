// Vercel's `ai` with `@ai-sdk/openai-compatible`: generateImage.
import assert from 'node:assert/strict';
import { generateImage } from 'ai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { OTHER, PROMPT, RED, STAR, desk, run } from './checking.mjs';

const provider = createOpenAICompatible({ name: 'darkroom', apiKey: desk.key, baseURL: `${desk.address}/v1` });
const model = provider.imageModel('shapes-xl');

// It drops its own `seed`, with a warning; what stands here goes on as it is.
const providerOptions = { darkroom: { seed: 7, steps: 20, guidance_scale: 4, sampler: 'euler' } };

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
});
