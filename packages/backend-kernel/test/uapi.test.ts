import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import * as uapi from '../src/uapi.js'
import { layoutOf, outputs, requestOf } from '../uapi/generate.mjs'
import { ioctls, structs } from '../uapi/table.mjs'

const header = fileURLToPath(new URL('../uapi/hmm_sdk_uapi.h', import.meta.url))

function compiler(): string | undefined {
  for (const name of ['cc', 'gcc', 'clang']) {
    try {
      execFileSync(name, ['--version'], { stdio: 'ignore' })
      return name
    } catch {
      // The next one.
    }
  }
  return undefined
}

describe('the binary interface', () => {
  it.each(outputs())('%s is what the table makes', (path, text) => {
    expect(readFileSync(path, 'utf8') === text).toBe(true)
  })

  it('has layouts without holes, multiples of 8 bytes', () => {
    for (const name of Object.keys(structs)) {
      const { size, fields } = layoutOf(name)
      let end = 0
      for (const field of fields) {
        expect(field.offset).toBe(end)
        end += field.bytes
      }
      expect(size).toBe(end)
      expect(size % 8).toBe(0)
    }
  })

  it('has the same requests in TypeScript', () => {
    for (const [name, number, struct] of ioctls) {
      const request = (uapi as unknown as Record<string, number>)[`IOC_${name}`]
      expect(request).toBe(requestOf(number as number, struct as string))
    }
  })

  const cc = compiler()
  it.skipIf(cc === undefined || process.platform !== 'linux')(
    'has the same sizes, offsets and requests in C',
    () => {
      execFileSync(cc as string, [
        '-std=c11',
        '-Wall',
        '-Werror',
        '-fsyntax-only',
        '-x',
        'c',
        header,
      ])
    },
  )
})
