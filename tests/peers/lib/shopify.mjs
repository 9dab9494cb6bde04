// Asks Shopify's own library whether it would accept each request of a JSON file: [{secret, headers, body}].
// Prints a JSON array of true and false. node_modules lies in $FEALTY_PEERS_NODE.
import {createRequire} from 'node:module';
import {readFileSync} from 'node:fs';
import {pathToFileURL} from 'node:url';

const require = createRequire(process.env.FEALTY_PEERS_NODE + '/');
const load = (name) => import(pathToFileURL(require.resolve(name)).href);
await load('@shopify/shopify-api/adapters/node');
const {shopifyApi, ApiVersion} = await load('@shopify/shopify-api');

const answers = [];
for (const {secret, headers, body} of JSON.parse(readFileSync(process.argv[2], 'utf8'))) {
  const shopify = shopifyApi({
    apiKey: 'key', apiSecretKey: secret, hostName: 'shop.example.com', isEmbeddedApp: false,
    apiVersion: Object.values(ApiVersion).at(-2), logger: {level: 0},
  });
  const rawRequest = {method: 'POST', url: '/', headers};
  const result = await shopify.webhooks.validate({rawBody: body, rawRequest});
  answers.push(result.valid);
  if (answers.length === 1 && !result.valid) console.error(JSON.stringify(result));
}
console.log(JSON.stringify(answers));
