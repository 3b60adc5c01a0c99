import { join } from 'node:path'
import ts from 'typescript'
import { expect, test } from 'vitest'
import { problemsOf } from './driver-rules.mjs'
import { root } from './lib.mjs'

const prelude = `import { virtualAddress, type DmaAddress, type DmaPage, type VirtualRange } from '@hmm-sdk/hmm-api'
declare const dma: DmaAddress, dmaPage: DmaPage, range: VirtualRange
const start = virtualAddress(4096)
`

test.each([
  ['imports another package', 'driver-imports', `import 'commander'`],
  ['imports a backend', 'driver-imports', `import * as sim from '@hmm-sdk/backend-sim'`],
  [
    'imports a backend type',
    'driver-imports',
    `import type { Simulation } from '@hmm-sdk/backend-sim'`,
  ],
  [
    'imports the raw interface',
    'driver-imports',
    `import type { RawDma } from '@hmm-sdk/hmm-api/raw'`,
  ],
  ['imports a Node module', 'driver-imports', `import { readFileSync } from 'node:fs'`],
  ['re-exports another package', 'driver-imports', `export * from '@hmm-sdk/backend-sim'`],
  ['imports a backend later', 'driver-imports', `await import('@hmm-sdk/backend-sim')`],
  ['imports a computed name', 'driver-imports', `await import('@hmm-sdk/backend-' + 'sim')`],
  ['requires', 'driver-imports', `require('@hmm-sdk/backend-sim')`],
  ['imports what runs it', 'driver-imports', `import '../run.js'`],
  ['uses setTimeout', 'driver-timers', `setTimeout(() => {}, 1)`],
  ['uses setInterval', 'driver-timers', `globalThis.setInterval(() => {}, 1)`],
  ['uses setImmediate', 'driver-timers', `globalThis['setImmediate'](() => {})`],
  ['passes a timer on', 'driver-timers', `const later = setTimeout`],
  ['makes a promise', 'driver-promises', `await new Promise<void>((resolve) => resolve())`],
  ['makes one by an alias', 'driver-promises', `const P = Promise\nnew P<void>(() => {})`],
  ['makes one with its resolvers', 'driver-promises', `Promise.withResolvers()`],
  ['adds to an address', 'driver-addresses', `start + 4096n`],
  ['subtracts addresses', 'driver-addresses', `range.end - range.start`],
  ['multiplies a DMA page', 'driver-addresses', `dmaPage * 4096`],
  ['divides an address', 'driver-addresses', `dma / 4096n`],
  ['takes an offset by remainder', 'driver-addresses', `start % 4096n`],
  ['shifts an address right', 'driver-addresses', `dma >> 12n`],
  ['shifts a converted page left', 'driver-addresses', `BigInt(dmaPage) << 12n`],
  ['masks an address', 'driver-addresses', `const page = (start as bigint) & ~4095n`],
  ['counts an address up', 'driver-addresses', `let next: DmaPage = dmaPage\nnext++`],
])('a driver that %s breaks %s, once', (_, rule, code) => {
  expect(check(prelude + code).map((problem) => problem.rule)).toEqual([rule])
})

test('a driver that keeps to the rules has no problems', () => {
  const code = `
import { table } from './table.js'
export { table } from './table.js'
const { install } = await import('./table.js')
const middle = range.at(range.bytes / 2)
const index = range.pageIndex(middle) + 1
const later = range.slice(index, range.pages - index)
const same = middle === start || middle >= later.start
const text = 'at ' + middle + \` and \${dma}\`
await Promise.all([install(), Promise.resolve(same), device.clock.sleep(1_000n + 5n)])
`
  expect(check(prelude + code)).toEqual([])
})

function check(code: string) {
  const name = join(root, 'packages/examples/src/virtual/driver.ts')
  const options: ts.CompilerOptions = {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.NodeNext,
    customConditions: ['@hmm-sdk/source'],
    strict: true,
    noEmit: true,
    types: [],
  }
  const host = ts.createCompilerHost(options)
  const { getSourceFile, fileExists } = host
  host.getSourceFile = (file, ...rest) =>
    file === name
      ? (source ??= ts.createSourceFile(name, code, ts.ScriptTarget.ES2022, true))
      : shared(file, ...rest)
  host.fileExists = (file) => file === name || fileExists(file)
  let source: ts.SourceFile | undefined
  const shared: typeof getSourceFile = (file, ...rest) => {
    if (!parsed.has(file)) parsed.set(file, getSourceFile(file, ...rest))
    return parsed.get(file)
  }
  const program = ts.createProgram([name], options, host)
  return problemsOf(program.getSourceFile(name)!, program.getTypeChecker())
}

// Libraries and the API are parsed once for all cases.
const parsed = new Map<string, ts.SourceFile | undefined>()
