import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const read = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8')

test('package, module and dkms name one version', () => {
  const { version } = JSON.parse(read('package.json')) as { version: string }
  expect(/#define HS_VERSION "(.*)"/.exec(read('module/hmm_sdk.h'))?.[1]).toBe(version)
  expect(/^PACKAGE_VERSION="(.*)"$/m.exec(read('module/dkms.conf'))?.[1]).toBe(version)
})
