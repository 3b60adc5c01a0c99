import { ERRNO, errnoName, HmmError, VirtualRange } from '@hmm-sdk/hmm-api'
import { describe, expect, it } from 'vitest'

const range = VirtualRange.fromPages(16, 3)

describe('HmmError', () => {
  it('says what, where and what to do', () => {
    const error = new HmmError('EFAULT', {
      op: 'mirror.map',
      range,
      page: 1,
      backend: 'sim',
      message: 'no mapping',
      hint: 'Map it first.',
      cause: new HmmError('ENOMEM'),
    })
    expect(error.message).toBe(
      'EFAULT: mirror.map: no mapping (range 0x10000+3p, page 1) [sim]\n  Map it first.\n  cause: ENOMEM',
    )
    expect(error.name).toBe('HmmError')
  })

  it('has a text of its own for every code', () => {
    expect(new HmmError('ESRCH').message).toBe('ESRCH: the process is gone')
  })

  it('is recognised by mark and code, also of another copy', () => {
    const other = Object.defineProperty({ code: 'EIO' }, Symbol.for('@hmm-sdk/hmm-api:HmmError'), {
      value: true,
    })
    expect(HmmError.is(other, 'EIO')).toBe(true)
    expect(HmmError.is(new HmmError('EIO'), 'EFAULT')).toBe(false)
    expect(HmmError.is(new Error('EIO'))).toBe(false)
    expect(HmmError.is(null)).toBe(false)
  })

  it('is retryable by its code unless said otherwise', () => {
    expect(new HmmError('EBUSY').retryable).toBe(true)
    expect(new HmmError('EFAULT').retryable).toBe(false)
    expect(new HmmError('ENOMEM', { retryable: false }).retryable).toBe(false)
  })

  it('takes on details but keeps its own', () => {
    const error = new HmmError('EFAULT', { message: 'raw', page: 2 })
    const more = error.with({ op: 'mirror.map', range, message: 'other' })
    expect([more.op, more.page, more.range]).toEqual(['mirror.map', 2, range])
    expect(more.message).toContain('raw')
    expect(more.stack).toContain(more.message)
  })
})

describe('errno', () => {
  it('has one number for each name', () => {
    const numbers = Object.values(ERRNO).map(({ number }) => number)
    expect(new Set(numbers).size).toBe(numbers.length)
  })

  it('translates numbers, unknown ones to EIO', () => {
    expect(errnoName(14)).toBe('EFAULT')
    expect(errnoName(9999)).toBe('EIO')
  })
})
