package org.consentry.engine;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.ThreadLocalRandom;

/**
 * Makes the calls that it reads, one a line with words set apart by tabs, and writes what came of each: "= result" or "! code
 * message". What the engine calls is written too: "event json", "owner flow transport app remote", "protect".
 */
final class Remote implements EngineHost {
    private final PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);

    /** Throw something in every call of the engine's. */
    private volatile boolean rude;

    /** What to answer when asked to protect a socket. */
    private volatile boolean protects = true;

    /** Be quiet about calls of the engine's. */
    private volatile boolean quiet;

    public static void main(String[] arguments) throws Exception {
        new Remote().obey();
    }

    private void obey() throws IOException, InterruptedException {
        var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            say(outcome(line.split("\t", -1)));
        }
        System.exit(0);
    }

    private String outcome(String[] words) throws InterruptedException {
        try {
            return "= " + call(words);
        } catch (EngineException error) {
            return "! " + error.code + " " + error.getMessage();
        } catch (RuntimeException error) {
            return "! " + error;
        }
    }

    private Object call(String[] words) throws InterruptedException {
        var engine = NativeEngine.INSTANCE;
        if (words[0].equals("open")) return engine.open(text(words[1]), this);
        if (words[0].equals("open without a host")) return engine.open(words[1], null);
        if (words[0].equals("be rude")) return rude = true;
        if (words[0].equals("protect nothing")) return protects = false;
        long handle = Long.parseLong(words[1]);
        switch (words[0]) {
            case "start" -> engine.start(handle, Integer.parseInt(words[2]), text(words[3]));
            case "stop" -> engine.stop(handle);
            case "network" -> engine.network(handle, text(words[2]));
            case "owner" -> engine.owner(handle, Long.parseLong(words[2]), text(words[3]));
            case "request" -> {
                return engine.request(handle, text(words[2]));
            }
            case "half a character" -> {
                return engine.request(handle, "{\"do\":\"log\",\"search\":\"\ud83d\"}");
            }
            case "close" -> engine.close(handle);
            case "storm" -> storm(handle, Integer.parseInt(words[2]), words[3], words[4]);
            default -> throw new IllegalArgumentException(words[0]);
        }
        return "";
    }

    /** Many threads call everything, until one of them closes. The only thing that may be thrown is an EngineException. */
    private void storm(long handle, int tun, String settings, String folder) throws InterruptedException {
        quiet = true;
        var threads = new Thread[12];
        var failures = new java.util.concurrent.ConcurrentLinkedQueue<Throwable>();
        for (int number = 0; number < threads.length; number++) {
            boolean closes = number == 0;
            threads[number] = new Thread(() -> {
                var random = ThreadLocalRandom.current();
                for (int round = 0; round < 60; round++) {
                    try {
                        one(handle, tun, settings, folder, closes && round == 40 ? 9 : random.nextInt(9));
                    } catch (EngineException expected) {
                        // Somebody else was quicker.
                    } catch (Throwable unexpected) {
                        failures.add(unexpected);
                    }
                }
            });
            threads[number].start();
        }
        for (var thread : threads) thread.join();
        quiet = false;
        if (!failures.isEmpty()) throw new IllegalStateException(failures.peek());
    }

    private void one(long handle, int tun, String settings, String folder, int what) {
        var engine = NativeEngine.INSTANCE;
        switch (what) {
            case 0 -> engine.start(handle, tun, settings);
            case 1 -> engine.stop(handle);
            case 2 -> engine.request(handle, "{\"do\":\"services\"}");
            case 3 -> engine.request(handle, "{\"do\":\"grant\",\"service\":\"xiaomi.push\",\"via\":\"screen\"}");
            case 4 -> engine.request(handle, "{\"do\":\"revoke\",\"service\":\"xiaomi.push\",\"via\":\"screen\"}");
            case 5 -> engine.owner(handle, ThreadLocalRandom.current().nextLong(), "{}");
            case 6 -> engine.request(handle, "nonsense");
            case 7 -> engine.network(handle, "{\"resolvers\":[],\"ipv4\":true,\"ipv6\":false}");
            case 8 -> engine.request(handle, "{\"do\":\"status\"}");
            default -> engine.close(handle);
        }
    }

    @Override
    public boolean protect(int socket) {
        note("protect");
        return protects;
    }

    @Override
    public void owner(long flow, int transport, String app, String remote) {
        note("owner\t" + flow + "\t" + transport + "\t" + app + "\t" + remote);
    }

    @Override
    public void event(String event) {
        note("event\t" + event);
    }

    private void note(String what) {
        if (!quiet) say(what);
        if (rude) throw new IllegalStateException("rude");
    }

    private synchronized void say(String line) {
        out.println(line.replace('\n', ' '));
    }

    private static String text(String word) {
        return word.equals("null") ? null : word;
    }
}
