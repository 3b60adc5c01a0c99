import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { guestScript, passedVariables } from './guest-script.mjs'

test('words, variables and folder arrive as they are', () => {
  const odd = `it's "$HOME" \`x\` \\ a\nb`
  const script = guestScript(['printf', '%s|%s|', odd, ''], '/usr', { ODD: odd })
  const out = execFileSync('sh', [
    '-c',
    `${script.replace('exec ', 'pwd; printf %s "$ODD"; exec ')}`,
  ])
  expect(out.toString()).toBe(`/usr\n${odd}${odd}||`)
})

test('only what a test needs passes by itself', () => {
  expect(passedVariables({ PATH: '/bin', HMM_X: '1', NODE_OPTIONS: '-r x', SECRET: 's' })).toEqual({
    PATH: '/bin',
    HMM_X: '1',
    NODE_OPTIONS: '-r x',
  })
})
