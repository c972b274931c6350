import jakarta.servlet.ServletException;
import jakarta.servlet.annotation.MultipartConfig;
import jakarta.servlet.annotation.WebServlet;
import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import jakarta.servlet.http.Part;
import jakarta.websocket.OnMessage;
import jakarta.websocket.server.ServerEndpoint;
import java.io.IOException;
import java.io.InputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Collections;
import java.util.HexFormat;

/** A shop as a servlet. It knows nothing of the gateway: the valve of server.xml has told Tomcat who the client is. */
@WebServlet({"/who", "/login", "/absolute", "/home", "/upload", "/admin/page"})
@MultipartConfig(maxFileSize = 8 << 20, maxRequestSize = 8 << 20)
public class Shop extends HttpServlet {
	private static final long serialVersionUID = 1;

	@Override
	protected void doGet(HttpServletRequest req, HttpServletResponse res) throws IOException {
		switch (req.getServletPath()) {
		case "/who" -> who(req, res);
		case "/login" -> {
			req.getSession();
			res.sendRedirect("home");
		}
		case "/absolute" -> res.setHeader("Location", req.getRequestURL().toString().replace("absolute", "home"));
		case "/admin/page" -> res.getWriter().print("for the inside");
		default -> res.getWriter().print(req.getRequestedSessionId() + " " + req.isRequestedSessionIdValid());
		}
	}

	/** Names and values of this request hold no characters that JSON escapes. */
	private void who(HttpServletRequest req, HttpServletResponse res) throws IOException {
		StringBuilder fields = new StringBuilder();
		for (String name : Collections.list(req.getHeaderNames()))
			fields.append(name).append('=').append(String.join(",", Collections.list(req.getHeaders(name)))).append(' ');
		res.setContentType("application/json");
		res.getWriter().printf("{\"ip\": \"%s\", \"scheme\": \"%s\", \"host\": \"%s:%d\", \"url\": \"%s\", \"secure\": %b, \"fields\": \"%s\"}",
			req.getRemoteAddr(), req.getScheme(), req.getServerName(), req.getServerPort(), req.getRequestURL(),
			req.isSecure(), fields.toString().replace('"', '\''));
	}

	@Override
	protected void doPost(HttpServletRequest req, HttpServletResponse res) throws IOException, ServletException {
		try (InputStream in = req.getPart("file").getInputStream()) {
			Part file = req.getPart("file");
			byte[] sum = MessageDigest.getInstance("SHA-256").digest(in.readAllBytes());
			res.setContentType("application/json");
			res.getWriter().printf("{\"name\": \"%s\", \"size\": %d, \"sha256\": \"%s\", \"note\": \"%s\"}",
				file.getSubmittedFileName(), file.getSize(), HexFormat.of().formatHex(sum), req.getParameter("note"));
		} catch (NoSuchAlgorithmException e) {
			throw new ServletException(e);
		} catch (IllegalStateException e) {
			res.sendError(HttpServletResponse.SC_REQUEST_ENTITY_TOO_LARGE);
		}
	}

	/** Says again what it is told. */
	@ServerEndpoint("/socket")
	public static class Echo {
		@OnMessage
		public String text(String message) {
			return message;
		}

		@OnMessage
		public byte[] bytes(byte[] message) {
			return message;
		}
	}
}
