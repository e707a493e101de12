// A worker of its own for the sound's WebSocket, so that drawing the page delays no word.
const RETRY_MS = 1000, TAKEN_OVER = 4001;
let socket = null, ear = null;

function connect(url) {
  socket = new WebSocket(url);
  socket.binaryType = "arraybuffer";
  socket.onopen = () => postMessage({ state: "open" });
  socket.onmessage = event => ear.postMessage(event.data, [event.data]);
  socket.onclose = event => {
    postMessage({ state: event.code === TAKEN_OVER ? "taken" : "closed" });
    if (event.code !== TAKEN_OVER) setTimeout(connect, RETRY_MS, url);
  };
}

onmessage = ({ data }) => {
  if (data.url) {
    ear = data.ear;
    data.mouth.onmessage = event => { if (socket.readyState === WebSocket.OPEN) socket.send(event.data); };
    connect(data.url);
  } else if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(data));
};
