import { expect, test } from 'vitest'
import { debugKernelIsReady, debugVersionSuffix } from './debug-kernel.mjs'

test('another configuration or another root is another kernel', () => {
  const suffix = debugVersionSuffix('CONFIG_A=y\n', '/cache/root-1')
  expect(suffix).toMatch(/^-hmm-debug-[0-9a-f]{8}$/u)
  expect(debugVersionSuffix('CONFIG_A=y\n', '/elsewhere/root-1')).toBe(suffix)
  expect(debugVersionSuffix('CONFIG_A=m\n', '/cache/root-1')).not.toBe(suffix)
  expect(debugVersionSuffix('CONFIG_A=y\n', '/cache/root-2')).not.toBe(suffix)
})

test('a kernel of an older configuration is not ready', () => {
  expect(debugKernelIsReady('7.3.4-hmm-debug-00000000')).toBe(false)
})
