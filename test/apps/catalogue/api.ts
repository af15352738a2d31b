import { throwsAtStart, type App } from "../app.ts";

const PORT = "process.env.PORT";

/** Servers of services and of GraphQL, each as its documentation's first sample. */
export const API: readonly App[] = [
  {
    name: "feathers",
    packages: { "@feathersjs/koa": "5.0.30", "@feathersjs/feathers": "5.0.30" },
    manifest: { type: "module", scripts: { start: "node server.js" } },
    files: {
      "server.js": `import { feathers } from '@feathersjs/feathers'
import { koa, rest, bodyParser, errorHandler } from '@feathersjs/koa'

class MessageService {
  async find() {
    return [{ id: 0, text: 'hello VERSION' }]
  }
}
const app = koa(feathers())
app.use(errorHandler())
app.use(bodyParser())
app.configure(rest())
app.use('messages', new MessageService())
app.listen(${PORT} || 3030).then(() => console.log('Feathers server listening'))
`,
    },
    path: "/messages",
    bad: throwsAtStart("server.js"),
  },
  {
    name: "trpc",
    packages: { "@trpc/server": "11.25.2", zod: "4.1.5" },
    manifest: { type: "module", scripts: { start: "node server.js" } },
    files: {
      "server.js": `import { initTRPC } from '@trpc/server';
import { createHTTPServer } from '@trpc/server/adapters/standalone';

const t = initTRPC.create();
const appRouter = t.router({
  greeting: t.procedure.query(() => 'hello VERSION'),
});
createHTTPServer({ router: appRouter }).listen(process.env.PORT || 3000);
`,
    },
    path: "/greeting",
    bad: throwsAtStart("server.js"),
  },
  {
    name: "apollo server",
    packages: { "@apollo/server": "5.5.1", graphql: "16.11.0" },
    manifest: { type: "module", scripts: { start: "node server.js" } },
    files: {
      "server.js": `import { ApolloServer } from '@apollo/server';
import { startStandaloneServer } from '@apollo/server/standalone';

const server = new ApolloServer({
  typeDefs: 'type Query { hello: String }',
  resolvers: { Query: { hello: () => 'hello VERSION' } },
  csrfPrevention: false,
});
const { url } = await startStandaloneServer(server, { listen: { port: process.env.PORT || 4000 } });
console.log(\`Server ready at: \${url}\`);
`,
    },
    path: "/?query=%7Bhello%7D",
    bad: throwsAtStart("server.js"),
  },
  {
    name: "graphql yoga",
    packages: { "graphql-yoga": "5.24.1", graphql: "16.11.0" },
    manifest: { type: "module", scripts: { start: "node server.js" } },
    files: {
      "server.js": `import { createServer } from 'node:http'
import { createSchema, createYoga } from 'graphql-yoga'

const yoga = createYoga({
  schema: createSchema({
    typeDefs: 'type Query { hello: String }',
    resolvers: { Query: { hello: () => 'hello VERSION' } }
  })
})
const server = createServer(yoga)
server.listen(process.env.PORT || 4000, () => console.info('Server is running'))
`,
    },
    path: "/graphql?query=%7Bhello%7D",
    bad: throwsAtStart("server.js"),
  },
];
