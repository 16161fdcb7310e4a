import jakarta.ws.rs.client.ClientBuilder;
import jakarta.ws.rs.sse.SseEventSource;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import okhttp3.OkHttpClient;
import okhttp3.Request;
import okhttp3.Response;
import okhttp3.sse.EventSource;
import okhttp3.sse.EventSourceListener;
import okhttp3.sse.EventSources;

/** Prints each event of a stream as a line of JSON, as the client that is named hands it on. */
public class Clients {
  static final PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);

  public static void main(String[] args) throws InterruptedException {
    switch (args[0]) {
      case "OkHttp-sse" -> okhttp(args[1]);
      case "Jersey" -> jersey(args[1]);
      default -> throw new IllegalArgumentException(args[0]);
    }
    Thread.currentThread().join(); // until the test has what it wants
  }

  // With the timeouts of a client that nobody has configured.
  static void okhttp(String url) {
    Request request = new Request.Builder().url(url).build();
    EventSources.createFactory(new OkHttpClient()).newEventSource(request, new EventSourceListener() {
      @Override public void onEvent(EventSource source, String id, String type, String data) {
        print(id, type, data);
      }

      @Override public void onClosed(EventSource source) {
        fail("the stream ended");
      }

      @Override public void onFailure(EventSource source, Throwable thrown, Response response) {
        fail(thrown + " " + response);
      }
    });
  }

  static void jersey(String url) {
    SseEventSource source = SseEventSource.target(ClientBuilder.newClient().target(url)).build();
    source.register(e -> print(e.getId(), e.getName(), e.readData()), thrown -> fail(thrown.toString()));
    source.open();
  }

  static void fail(String why) {
    System.err.println(why);
    System.exit(1);
  }

  static void print(String id, String event, String data) {
    out.println("{\"id\":" + quoted(id) + ",\"event\":" + quoted(event) + ",\"data\":" + quoted(data) + "}");
  }

  static String quoted(String text) {
    StringBuilder json = new StringBuilder("\"");
    for (char c : (text == null ? "" : text).toCharArray()) {
      if (c < ' ' || c == '"' || c == '\\') {
        json.append(String.format("\\u%04x", (int) c));
      } else {
        json.append(c);
      }
    }
    return json.append('"').toString();
  }
}
