import { expect, test } from 'vitest'
import { newestDebianKernel } from './kernels.mjs'

const NAMES = [
  'linux-image-7.3.4+deb13-amd64',
  'linux-headers-7.3.4+deb13-amd64',
  'linux-image-7.3.10+deb13-amd64',
  'linux-image-7.3.10+deb13-amd64-unsigned',
  'linux-headers-7.3.10+deb13-amd64',
  'linux-image-7.3.11+deb13-amd64',
  'linux-image-7.3.12+deb13-cloud-amd64',
  'linux-headers-7.3.12+deb13-cloud-amd64',
  'linux-image-7.30.1+deb13-amd64',
  'linux-headers-7.30.1+deb13-amd64',
  'linux-image-7.2.12+deb13-amd64-unsigned',
  'linux-headers-7.2.12+deb13-amd64',
]

test('the newest that has headers, compared by number, signed', () => {
  expect(newestDebianKernel('7.3', NAMES)).toEqual({
    version: '7.3.10+deb13-amd64',
    packages: ['linux-image-7.3.10+deb13-amd64', 'linux-headers-7.3.10+deb13-amd64'],
  })
})

test('an unsigned image when there is no other', () => {
  expect(newestDebianKernel('7.2', NAMES)?.packages[0]).toBe(
    'linux-image-7.2.12+deb13-amd64-unsigned',
  )
})

test('a series that the mirror does not have', () => {
  expect(newestDebianKernel('6.12', NAMES)).toBeUndefined()
})
