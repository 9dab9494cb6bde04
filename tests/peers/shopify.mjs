// Asks Shopify's own library whether it accepts a webhook: JSON on standard input, `true` or why not on standard output.
// Copied beside its node_modules before it runs, because that is where Node looks for packages.
import '@shopify/shopify-api/adapters/node';
import {ApiVersion, shopifyApi} from '@shopify/shopify-api';

let text = '';
for await (const chunk of process.stdin) text += chunk;
const {secret, body, headers} = JSON.parse(text);
const shopify = shopifyApi({
  apiKey: 'key', apiSecretKey: secret, scopes: ['read_orders'], hostName: 'loyalty.example.com', isEmbeddedApp: false,
  apiVersion: Object.values(ApiVersion).filter((version) => /^\d/.test(version)).at(-1), logger: {level: 0},
});
const lower = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
const rawRequest = {headers: lower, method: 'POST', url: '/v1/sources/shop'};
const result = await shopify.webhooks.validate({rawBody: body, rawRequest, rawResponse: {}});
console.log(result.valid === true ? 'true' : JSON.stringify(result));
