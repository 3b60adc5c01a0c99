import { build } from 'esbuild'
import { expect, test } from 'vitest'
import { packed } from './packed.js'

test('the API and the simulation bundle for a browser', async () => {
  const { metafile, errors } = await build({
    stdin: {
      contents: `export * from '@hmm-sdk/hmm-api'; export * from '@hmm-sdk/backend-sim'`,
      resolveDir: packed().project,
    },
    bundle: true,
    format: 'esm',
    platform: 'browser',
    write: false,
    metafile: true,
    logLevel: 'silent',
  })
  expect(errors).toEqual([])
  const [output] = Object.values(metafile.outputs)
  expect(output!.imports.map(({ path }) => path)).toEqual([])
})
