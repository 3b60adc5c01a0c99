import { readFileSync } from 'node:fs'
import { DMA_ATTRIBUTES } from '@hmm-sdk/hmm-api/raw'
import { conformanceCases as CASES } from '@hmm-sdk/hmm-api/conformance'
import { DMA_SHAPES } from '@hmm-sdk/backend-sim'
import { expect, it } from 'vitest'

const text = readFileSync(new URL('../../../docs/dma.md', import.meta.url), 'utf8')
const addresses = CASES.map(({ address }) => address)

/** The words in code quotes in the section with that title. */
function quoted(section: string): string[] {
  const [, body = ''] = text.split(`\n## ${section}`)
  return [...body.split('\n## ')[0]!.matchAll(/`([^`]+)`/g)].map(([, word]) => word!)
}

it('docs/dma.md names cases that exist', () => {
  const named = quoted('The rules').filter((word) => /^[a-z-]+\/[a-z/-]+$/.test(word))
  expect(named.length).toBeGreaterThan(50)
  const missing = named.filter(
    (name) => !addresses.some((each) => each === name || each.startsWith(`${name}/`)),
  )
  expect(missing.filter((name) => !name.startsWith('packages/'))).toEqual([])
})

it('docs/dma.md has every group of cases about DMA', () => {
  const groups = new Set(addresses.map((address) => address.split('/').slice(0, 2).join('/')))
  const named = quoted('The rules')
  const silent = [...groups].filter(
    (group) => group.startsWith('dma/') && !named.some((name) => name.startsWith(group)),
  )
  // The engine is what the cases move bytes with.
  expect(silent).toEqual(['dma/engine'])
})

it('docs/dma.md has every attribute and shape', () => {
  expect(quoted('Attributes')).toEqual(expect.arrayContaining(Object.keys(DMA_ATTRIBUTES)))
  const shapes = quoted('The six shapes').join(' ')
  for (const shape of DMA_SHAPES) expect(shapes).toContain(`shape: '${shape}'`)
})
