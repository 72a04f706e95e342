// Vercel's `ai` with `@ai-sdk/openai-compatible`: generateImage.
import assert from 'node:assert/strict';
import { generateImage } from 'ai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { PROMPT, STAR, desk, run } from './checking.mjs';

const provider = createOpenAICompatible({ name: 'darkroom', apiKey: desk.key, baseURL: `${desk.address}/v1` });
const model = provider.imageModel('shapes-xl');

await run({
  generateImage: async () => {
    const providerOptions = { darkroom: { seed: 7, guidance_scale: 4 } };
    const { image } = await generateImage({ model, prompt: PROMPT, size: '128x128', providerOptions });
    desk.got(image.base64, { shows: STAR });
  },
  'generateImage of several': async () => {
    const { images } = await generateImage({ model, prompt: PROMPT, size: '128x128', n: 2 });
    assert.equal(images.length, 2);
    for (const image of images) desk.got(image.base64, { shows: { background: 'black' } });
  },
});
