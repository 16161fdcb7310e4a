// Prints session cookies as the npm packages make them: one JSON object a line, {"name", "cookie"}.
// Usage: node cookies.mjs SECRET
import { createRequire } from 'node:module'
import { encode as encodeV5 } from '@auth/core/jwt'
import { SessionStore as StoreV5 } from './node_modules/@auth/core/lib/utils/cookie.js'

const require = createRequire(import.meta.url)
const { encode: encodeV4 } = require('next-auth/jwt')
const { SessionStore: StoreV4 } = require('./node_modules/next-auth/core/lib/cookie.js')

const secret = process.argv[2]
const quiet = { debug() {}, warn() {}, error() {} }
const names = {
  v5: ['authjs.session-token', '__Secure-authjs.session-token'],
  v4: ['next-auth.session-token', '__Secure-next-auth.session-token'],
}

// session is what an app keeps; a long one is set in chunks.
const session = (long) => ({
  sub: 'alice', name: 'Alice', email: 'alice@shop.example', roles: ['customer'],
  ...(long ? { picture: 'https://shop.example/' + 'x'.repeat(9000) } : {}),
})

for (const version of ['v5', 'v4']) {
  for (const name of names[version]) {
    for (const long of [false, true]) {
      for (const maxAge of [3600, -3600]) {
        const token = version === 'v5'
          ? await encodeV5({ token: session(long), secret, salt: name, maxAge })
          : await encodeV4({ token: session(long), secret, maxAge })
        const Store = version === 'v5' ? StoreV5 : StoreV4
        const option = { name, options: {} }
        const store = version === 'v5' ? new Store(option, {}, quiet) : new Store(option, { cookies: {}, headers: {} }, quiet)
        const set = store.chunk(token, {}).filter((c) => c.value !== '')
        const cookie = set.map((c) => `${c.name}=${c.value}`).reverse().join('; ') // a browser keeps to no order
        console.log(JSON.stringify({ name: `${version} ${name}${long ? ' in chunks' : ''}${maxAge < 0 ? ' expired' : ''}`, chunks: set.length, expired: maxAge < 0, cookie }))
      }
    }
  }
}
