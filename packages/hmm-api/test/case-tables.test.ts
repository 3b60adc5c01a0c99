import { readFileSync } from 'node:fs'
import { conformanceCases } from '@hmm-sdk/hmm-api/conformance'
import { describe, expect, test } from 'vitest'

/*
 * Docs that say which case proves what: every name in them is a case, every row has one, and where a
 * row promises both backends, the last run on a real kernel could run it.
 */
const cases = new Map(conformanceCases.map((each) => [each.address, each]))
/** Files have a dot or an underscore. */
const ADDRESS = /`([a-z-]+(?:\/[a-zA-Z0-9-]+){1,2})`/g

function read(path: string): string {
  return readFileSync(new URL(`../../../docs/${path}`, import.meta.url), 'utf8')
}

/** Cells of the rows of all tables, heads left out. */
function rows(text: string): string[][] {
  const lines = text.split('\n').filter((line) => line.startsWith('|'))
  return lines
    .map((line) =>
      line
        .slice(1, -1)
        .split('|')
        .map((cell) => cell.trim()),
    )
    .filter((cells) => !cells.every((cell) => /^-+$/.test(cell)))
    .filter((cells) => !['rule', 'patch'].includes(cells[0] ?? ''))
}

function addresses(text: string): string[] {
  return [...text.matchAll(ADDRESS)].map(([, address]) => address as string)
}

interface KernelRun {
  readonly name: string
  readonly software: { readonly capabilities: Record<string, { readonly supported: boolean }> }
}

describe.each(['device-memory.md', 'founding-series.md'])('docs/%s', (path) => {
  const table = rows(read(path))

  test('names only cases that there are', () => {
    const named = addresses(read(path))
    expect(named.length).toBeGreaterThan(table.length)
    expect(named.filter((address) => !cases.has(address))).toEqual([])
  })

  test('has a case in every row', () => {
    expect(table.filter((cells) => addresses(cells.at(-1) ?? '').length === 0)).toEqual([])
  })
})

test('every case about device memory stands in docs/device-memory.md, or is about its input', () => {
  const named = new Set(addresses(read('device-memory.md')))
  const apart = /^memory\/(migrate\/(bad-plan|counted|part-of-the-mirror)|evict\/nothing-to-evict)$/
  const own = [...cases.keys()].filter((address) => /^memory\/(migrate|huge-page)\//.test(address))
  expect(own.filter((address) => !named.has(address) && !apart.test(address))).toEqual([])
})

test('every patch of the founding series is proved on a real kernel too', () => {
  const table = rows(read('founding-series.md'))
  expect(table.map(([patch]) => Number(patch))).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
  const runs = JSON.parse(read('kernels.json')) as KernelRun[]
  const { capabilities } = runs.find(({ name }) => name === '7.3')!.software
  // A capability that is younger than the run is not known to be missing.
  const runsThere = (address: string): boolean =>
    cases.get(address)!.needs.every((need) => capabilities[need]?.supported !== false)
  const unproved = table.filter((cells) => !addresses(cells.at(-1)!).some(runsThere))
  expect(unproved.map(([patch]) => patch)).toEqual([])
})
