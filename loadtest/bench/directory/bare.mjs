import { createServer } from 'node:http';

/**
 * The least that Node can do with a question: an HTTP server that answers each with the same bytes, as many as a list
 * has. What it takes to answer is the machine's, the questioner's and HTTP's. Prints its port; ends with its parent.
 */
const ANSWER = JSON.stringify({ list: 'x'.repeat(Number(process.argv[2] ?? 1000)) });
const server = createServer((request, response) => {
  request.resume().on('end', () => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': ANSWER.length });
    response.end(ANSWER);
  });
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
process.on('disconnect', () => process.exit(0));
