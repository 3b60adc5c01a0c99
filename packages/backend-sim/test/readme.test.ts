import { readFileSync } from 'node:fs'
import { openBackend } from '@hmm-sdk/hmm-api'
import { DEFAULT_COSTS } from '@hmm-sdk/backend-sim'
import { expect, it } from 'vitest'

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')

/** The rows below a heading of a table: first word in code quotes, last cell. */
function rows(heading: string): [string, string][] {
  const table = readme.split(`\n| ${heading} `)[1]!.split('\n\n')[0]!
  return [...table.matchAll(/^\| `([^`]+)`.*\| ([^|]*) \|$/gm)].map(([, name, last]) => [
    name!,
    last!.trim(),
  ])
}

it('names every option of the simulation', async () => {
  const refused = openBackend({ config: { backend: 'sim', sim: { unknown: 1 } } })
  const [, known] = /known are (.*)$/.exec(String(await refused.catch((error) => error)))!
  expect(
    rows('option')
      .map(([name]) => name)
      .toSorted(),
  ).toEqual(known!.split(', ').toSorted())
})

it('has every cost with its default', () => {
  const costs = rows('cost').map(([name, value]) => [name, Number(value)])
  expect(Object.fromEntries(costs)).toEqual(DEFAULT_COSTS)
})
