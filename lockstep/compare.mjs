/** Where two observations differ: paths with both values. */
export function differences(left, right, path = '') {
  if (Object.is(left, right)) return []
  if (!isObject(left) || !isObject(right)) return [{ path, left, right }]
  const keys = new Set([...Object.keys(left), ...Object.keys(right)])
  return [...keys].flatMap((key) =>
    differences(left[key], right[key], path === '' ? key : `${path}.${key}`),
  )
}

function isObject(value) {
  return typeof value === 'object' && value !== null
}
