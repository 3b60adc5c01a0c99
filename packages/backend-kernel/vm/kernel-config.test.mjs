import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parseKernelConfig, sourceVersion, unmetAnswers } from './kernel-config.mjs'

test('a fragment: answers, comments, nothing else', () => {
  const text = '# A comment\nCONFIG_A=y\n# CONFIG_B is not set\n\nCONFIG_C="x y"\nCONFIG_D=-1\n'
  expect(Object.fromEntries(parseKernelConfig(text))).toEqual({
    A: 'y',
    B: 'n',
    C: '"x y"',
    D: '-1',
  })
})

test('an answer that the configuration did not take is told, an absent one is n', () => {
  const fragment = 'CONFIG_A=y\nCONFIG_B=m\nCONFIG_C=y\n# CONFIG_D is not set\n'
  expect(unmetAnswers(fragment, 'CONFIG_A=y\nCONFIG_B=y\n')).toEqual([
    'CONFIG_B=m became y',
    'CONFIG_C=y became n',
  ])
})

test('the version of a source', () => {
  const head = '# SPDX\nVERSION = 7\nPATCHLEVEL = 3\nSUBLEVEL = 4\nEXTRAVERSION =\nNAME = X\n'
  expect(sourceVersion(head)).toBe('7.3.4')
  expect(sourceVersion(head.replace('EXTRAVERSION =', 'EXTRAVERSION = -rc2'))).toBe('7.3.4-rc2')
  expect(sourceVersion('all:\n')).toBeUndefined()
})

test('the fragment of the debug kernel gives each answer once', () => {
  const text = readFileSync(new URL('debug.config', import.meta.url), 'utf8')
  const lines = text.split('\n').filter((line) => /^(?:# )?CONFIG_/u.test(line))
  const config = parseKernelConfig(text)
  expect(config.size).toBe(lines.length)
  for (const name of ['KASAN', 'PROVE_LOCKING', 'DMA_API_DEBUG', 'DEBUG_KMEMLEAK', 'FAILSLAB']) {
    expect(config.get(name)).toBe('y')
  }
  expect(config.get('TEST_HMM')).toBe('m')
})
