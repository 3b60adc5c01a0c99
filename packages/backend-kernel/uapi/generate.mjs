#!/usr/bin/env node
/**
 * Writes `hmm_sdk_uapi.h` and `../src/uapi.ts` from `table.mjs`.
 *
 *   node generate.mjs           writes both
 *   node generate.mjs --check   exits 1 if either is not up to date
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { ABI_VERSION, MAGIC, PREFIX, constants, ioctls, structs } from './table.mjs'

const SIZES = { u8: 1, u16: 2, u32: 4, s32: 4, u64: 8, s64: 8 }
const MARKS = new Set(['', 'out', 'out+err', 'in/out'])

/** `{ size, fields: [{ name, type, count, offset, bytes, mark, comment }] }` of a struct. */
export function layoutOf(name) {
  const fields = []
  let offset = 0
  for (const [field, declared, mark, comment] of structs[name].fields) {
    const match = /^([us]\d+)(?:\[(\d+)\])?$/.exec(declared)
    const width = match && SIZES[match[1]]
    if (!width) throw new Error(`${name}.${field}: unknown type '${declared}'`)
    if (!MARKS.has(mark)) throw new Error(`${name}.${field}: unknown mark '${mark}'`)
    if (offset % width) throw new Error(`${name}.${field}: needs explicit padding before it`)
    const count = match[2] ? Number(match[2]) : 1
    const array = match[2] !== undefined
    fields.push({
      name: field,
      type: match[1],
      count,
      array,
      offset,
      bytes: width * count,
      mark,
      comment,
    })
    offset += width * count
  }
  if (offset % 8) throw new Error(`${name}: size ${offset} is not a multiple of 8`)
  if (offset > 8191) throw new Error(`${name}: size ${offset} does not fit an ioctl number`)
  return { size: offset, fields }
}

/** `_IOWR(MAGIC, number, struct)`. */
export function requestOf(number, struct) {
  return ((3 << 30) | (layoutOf(struct).size << 16) | (MAGIC << 8) | number) >>> 0
}

function check() {
  const seen = new Map()
  for (const [name, number, struct] of ioctls) {
    if (seen.has(number)) throw new Error(`${name} and ${seen.get(number)} have the same number`)
    if (!structs[struct]) throw new Error(`${name}: unknown struct '${struct}'`)
    seen.set(number, name)
  }
}

const hex = (value) => `0x${value.toString(16)}`

function wrap(text, prefix, width) {
  const lines = []
  let line = ''
  for (const word of text.split(/\s+/).filter(Boolean)) {
    if (line && prefix.length + line.length + 1 + word.length > width) {
      lines.push(line)
      line = word
    } else line = line ? `${line} ${word}` : word
  }
  if (line) lines.push(line)
  return lines.map((each) => prefix + each)
}

export function header() {
  const out = [
    '/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note OR MIT */',
    '/* Made by generate.mjs from table.mjs: do not edit. */',
    '#ifndef HMM_SDK_UAPI_H',
    '#define HMM_SDK_UAPI_H',
    '',
    '#include <linux/ioctl.h>',
    '#include <linux/types.h>',
    '',
    `#define ${PREFIX}_ABI_VERSION ${ABI_VERSION}`,
    `#define ${PREFIX}_MAGIC ${hex(MAGIC)}`,
    '',
  ]
  for (const [title, list] of Object.entries(constants)) {
    out.push(...comment(title, ''))
    for (const [name, value, text] of list) {
      const number = value > 9 ? `${hex(value)}` : String(value)
      if (text) out.push(...comment(text, ''))
      out.push(`#define ${PREFIX}_${name} ${number}U`)
    }
    out.push('')
  }
  for (const name of Object.keys(structs)) {
    const { fields } = layoutOf(name)
    out.push(...comment(structs[name].comment, ''), `struct hmm_sdk_${name} {`)
    for (const field of fields) {
      const mark = field.mark ? `${field.mark}${field.comment ? ': ' : ''}` : ''
      if (mark || field.comment) out.push(...comment(mark + field.comment, '\t'))
      out.push(`\t__${field.type} ${field.name}${field.array ? `[${field.count}]` : ''};`)
    }
    out.push('};', '')
  }
  for (const [name, number, struct, on, text] of ioctls) {
    out.push(...comment(`On a ${on}. ${text}`, ''))
    out.push(`#define ${PREFIX}_IOC_${name} \\`)
    out.push(`\t_IOWR(${PREFIX}_MAGIC, ${hex(number)}, struct hmm_sdk_${struct})`)
  }
  out.push('', '/* Layouts as the table computes them. */')
  out.push(
    '#if defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L',
    '#define HMM_SDK_OFFSET_IS(type, field, offset) \\',
    '\t_Static_assert(__builtin_offsetof(type, field) == (offset), #type "." #field)',
    '#define HMM_SDK_SIZE_IS(type, size) _Static_assert(sizeof(type) == (size), #type)',
  )
  for (const name of Object.keys(structs)) {
    const { size, fields } = layoutOf(name)
    out.push(`HMM_SDK_SIZE_IS(struct hmm_sdk_${name}, ${size});`)
    for (const field of fields) {
      out.push(`HMM_SDK_OFFSET_IS(struct hmm_sdk_${name}, ${field.name}, ${field.offset});`)
    }
  }
  for (const [name, number, struct] of ioctls) {
    out.push(
      `_Static_assert(${PREFIX}_IOC_${name} == ${hex(requestOf(number, struct))}, "${name}");`,
    )
  }
  out.push('#undef HMM_SDK_OFFSET_IS', '#undef HMM_SDK_SIZE_IS', '#endif', '')
  out.push('#endif /* HMM_SDK_UAPI_H */', '')
  return out.join('\n')
}

function comment(text, indent) {
  const single = `${indent}/* ${text} */`
  if (single.replace(/\t/g, '        ').length <= 100) return [single]
  return [`${indent}/*`, ...wrap(text, `${indent} * `, 92), `${indent} */`]
}

const camel = (name) => name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase())
const pascal = (name) => camel(`_${name}`)

export function typescript() {
  const out = [
    '// Made by ../uapi/generate.mjs from ../uapi/table.mjs: do not edit.',
    '',
    '/** Scalar types of the binary interface; all little-endian. */',
    "export type UapiType = 'u8' | 'u16' | 'u32' | 's32' | 'u64' | 's64'",
    '',
    '/** Where a field is in its struct. `count` is 1 but for arrays. */',
    'export interface UapiField {',
    '  readonly offset: number',
    '  readonly type: UapiType',
    '  readonly count: number',
    '}',
    '',
    '/** A struct: its size in bytes and its fields by name. */',
    'export interface UapiStruct {',
    '  readonly size: number',
    '  readonly fields: Readonly<Record<string, UapiField>>',
    '}',
    '',
    `export const ABI_VERSION = ${ABI_VERSION}`,
    '',
  ]
  for (const [title, list] of Object.entries(constants)) {
    out.push(`// ${title}`)
    for (const [name, value, text] of list) {
      if (text) out.push(...tsdoc(text))
      out.push(`export const ${name} = ${value > 9 ? hex(value) : value}`)
    }
    out.push('')
  }
  for (const name of Object.keys(structs)) {
    const { size, fields } = layoutOf(name)
    out.push(`/** \`struct hmm_sdk_${name}\`: ${structs[name].comment}. */`)
    out.push(`export const ${pascal(name)} = {`, `  size: ${size},`, '  fields: {')
    for (const field of fields) {
      const mark = field.mark ? `${field.mark}${field.comment ? ': ' : ''}` : ''
      if (mark || field.comment) out.push(...tsdoc(mark + field.comment, '    '))
      out.push(
        `    ${camel(field.name)}: { offset: ${field.offset}, type: '${field.type}', count: ${field.count} },`,
      )
    }
    out.push('  },', '} as const satisfies UapiStruct', '')
  }
  for (const [name, number, struct, on, text] of ioctls) {
    out.push(...tsdoc(`On a ${on}, with {@link ${pascal(struct)}}. ${text}`.trim()))
    out.push(`export const IOC_${name} = ${hex(requestOf(number, struct))}`)
  }
  out.push('')
  return out.join('\n')
}

function tsdoc(text, indent = '') {
  const single = `${indent}/** ${text} */`
  if (single.length <= 110) return [single]
  return [`${indent}/**`, ...wrap(text, `${indent} * `, 100), `${indent} */`]
}

const at = (path) => fileURLToPath(new URL(path, import.meta.url))

/** Paths of the outputs with what they should hold. */
export function outputs() {
  check()
  return [
    [at('./hmm_sdk_uapi.h'), header()],
    [at('../src/uapi.ts'), typescript()],
  ]
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [path, text] of outputs()) {
    if (!process.argv.includes('--check')) writeFileSync(path, text)
    else if (readFileSync(path, 'utf8') !== text) {
      console.error(`${path} is not up to date: node packages/backend-kernel/uapi/generate.mjs`)
      process.exitCode = 1
    }
  }
}
