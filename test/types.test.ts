import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { packed } from './packed.js'
import { runTool } from '../scripts/lib.mjs'
import { write } from './project.js'

// Not skipLibCheck: our own declarations are checked as well.
test.each([
  [
    'Node',
    {
      lib: ['ES2022'],
      types: ['node'],
      typeRoots: [join(import.meta.dirname, '../node_modules/@types')],
    },
  ],
  ['a browser', { lib: ['ES2022', 'DOM'], types: [] }],
])('a driver in TypeScript checks with the types of %s', async (_, platform) => {
  const project = packed().project
  await copyFile(join(import.meta.dirname, 'fixtures/driver.ts'), join(project, 'driver.ts'))
  await write(project, 'tsconfig.json', {
    compilerOptions: {
      target: 'ES2022',
      module: 'NodeNext',
      strict: true,
      exactOptionalPropertyTypes: true,
      noEmit: true,
      ...platform,
    },
    files: ['driver.ts'],
  })
  const { code, output } = await runTool('typescript', ['-p', project], { quiet: true })
  expect(output).toBe('')
  expect(code).toBe(0)
})
