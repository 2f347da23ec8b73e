PRAGMA application_id = 1414876741;
PRAGMA user_version = 1;
BEGIN TRANSACTION;
CREATE TABLE event (
        run_id  TEXT NOT NULL REFERENCES run (id) ON DELETE CASCADE,
        seq     INTEGER NOT NULL,
        type    TEXT NOT NULL,
        mono_ns INTEGER NOT NULL,
        body    TEXT NOT NULL,
        PRIMARY KEY (run_id, seq)
    );
INSERT INTO "event" VALUES('20261123-232626-5c66',1,'heartbeat',1000,'{"run_id":"","seq":1,"mono_ns":1000,"type":"heartbeat","progress":1,"busy":true}');
INSERT INTO "event" VALUES('20261123-232626-5c66',2,'heartbeat',2000,'{"run_id":"","seq":2,"mono_ns":2000,"type":"heartbeat","progress":2,"busy":true}');
CREATE TABLE machine (
        fingerprint TEXT NOT NULL PRIMARY KEY,
        label       TEXT NOT NULL,
        facts       TEXT NOT NULL,
        machine     TEXT,
        seen_utc    TEXT NOT NULL
    );
INSERT INTO "machine" VALUES('8a3dbc238475052a','AMD Ryzen 7 5700G · 8 cores · 16 GiB','{"accelerators": [], "architecture": "x86_64", "build": "llama-cpp-python 0.3.36 (llama.cpp 0.5.0-dev)", "build_cpu_features": ["avx2", "fma"], "cpu_features": ["avx2", "fma"], "cpu_model": "AMD Ryzen 7 5700G", "efficiency_cores": 0, "memory_gib": 16, "performance_cores": 0, "physical_cores": 8, "sockets": 1, "usable_cores": 8, "usable_cpus": 16}','{"hostname":"bench-1","os_name":"Debian GNU/Linux 12","os_kernel":"6.1.0","cpu":{"model":"AMD Ryzen 7 5700G","architecture":"x86_64","sockets":1,"physical_cores":8,"logical_cpus":16,"cores":[],"allowed_cpus":[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15],"cpu_quota":null,"usable_cpus":16,"usable_cores":8,"llama_default_threads":8,"features":["avx2","fma"]},"memory":{"total_bytes":17179869184,"available_bytes":9663676416,"machine_total_bytes":17179869184,"limit_bytes":null,"swap_total_bytes":0,"swap_used_bytes":0},"power":{"on_mains":true,"battery_percent":null,"governor":"performance"},"virtualization":null,"devices":[],"build":{"binding_version":"0.3.36","llama_cpp_version":"0.5.0-dev","ggml_version":"0.9.5","cpu_features":["avx2","fma"],"system_info":"CPU : AVX2 = 1 |","supports_gpu_offload":false,"supports_mmap":true,"supports_mlock":true,"supports_rpc":false,"backends":["CPU"]}}','2026-11-23T23:26:26.897629+00:00');
CREATE TABLE model (
        sha256    TEXT NOT NULL PRIMARY KEY,
        name      TEXT NOT NULL,
        header    TEXT NOT NULL,
        last_path TEXT NOT NULL
    );
INSERT INTO "model" VALUES('5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a','SmolLM2 135M','{"path":"/models/s.gguf","architecture":"llama","general_type":null,"name":"SmolLM2 135M","gguf_version":3,"file_type":"Q4_K_M","parameters":134515008,"layers":30,"embedding_length":576,"feed_forward_length":[1536],"heads":[9],"kv_heads":[3],"key_length":64,"value_length":64,"sliding_window":null,"experts":null,"experts_used":null,"context_length":8192,"vocabulary_size":49152,"tensor_count":272,"tensor_types":[{"type":"Q4_K","tensors":1,"elements":1024,"size_bytes":576}],"weights_bytes":103000000,"file_bytes":105000000,"bits_per_weight":6.13,"shards":[{"path":"/models/s.gguf","size_bytes":105000000}],"has_chat_template":true,"tokenizer":"gpt2","license":"apache-2.0"}','/models/s.gguf');
CREATE TABLE profile (
        id                  TEXT NOT NULL PRIMARY KEY,
        name                TEXT NOT NULL,
        created_utc         TEXT NOT NULL,
        outcome             TEXT NOT NULL,
        model_sha256        TEXT NOT NULL REFERENCES model (sha256),
        model_name          TEXT NOT NULL,
        quantization        TEXT NOT NULL,
        machine_fingerprint TEXT NOT NULL REFERENCES machine (fingerprint),
        machine_label       TEXT NOT NULL,
        workload            TEXT NOT NULL,
        objective           TEXT NOT NULL,
        speedup_median      FLOAT NOT NULL,
        speedup_low         FLOAT,
        speedup_high        FLOAT,
        run_id              TEXT NOT NULL,
        body                TEXT NOT NULL,
        deleted_utc         TEXT
    );
INSERT INTO "profile" VALUES('p-20261123-174501','SmolLM2 on bench-1','2026-11-23T17:45:01.000000+00:00','improved','5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a','SmolLM2 135M','Q4_K_M','8a3dbc238475052a','AMD Ryzen 7 5700G · 8 cores · 16 GiB','prompt=256,generate=4,depth=512,parallel=1','response',1.21,1.089,1.331,'20261123-174000-ab12','{"id":"p-20261123-174501","name":"SmolLM2 on bench-1","created_utc":"2026-11-23T17:45:01+00:00","tunesmith_version":"0.1.0","run_id":"20261123-174000-ab12","outcome":"improved","model":{"sha256":"5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a","header":{"path":"/models/s.gguf","architecture":"llama","general_type":null,"name":"SmolLM2 135M","gguf_version":3,"file_type":"Q4_K_M","parameters":134515008,"layers":30,"embedding_length":576,"feed_forward_length":[1536],"heads":[9],"kv_heads":[3],"key_length":64,"value_length":64,"sliding_window":null,"experts":null,"experts_used":null,"context_length":8192,"vocabulary_size":49152,"tensor_count":272,"tensor_types":[{"type":"Q4_K","tensors":1,"elements":1024,"size_bytes":576}],"weights_bytes":103000000,"file_bytes":105000000,"bits_per_weight":6.13,"shards":[{"path":"/models/s.gguf","size_bytes":105000000}],"has_chat_template":true,"tokenizer":"gpt2","license":"apache-2.0"}},"machine":{"fingerprint":"8a3dbc238475052a","label":"AMD Ryzen 7 5700G · 8 cores · 16 GiB","facts":{"architecture":"x86_64","cpu_model":"AMD Ryzen 7 5700G","cpu_features":["avx2","fma"],"sockets":1,"physical_cores":8,"performance_cores":0,"efficiency_cores":0,"usable_cpus":16,"usable_cores":8,"memory_gib":16,"accelerators":[],"build":"llama-cpp-python 0.3.36 (llama.cpp 0.5.0-dev)","build_cpu_features":["avx2","fma"]}},"build":{"binding_version":"0.3.36","llama_cpp_version":"0.5.0-dev","ggml_version":"0.9.5","cpu_features":["avx2","fma"],"system_info":"CPU : AVX2 = 1 |","supports_gpu_offload":false,"supports_mmap":true,"supports_mlock":true,"supports_rpc":false,"backends":["CPU"]},"workload":{"prompt":256,"generate":4,"depth":512,"parallel":1},"objective":{"name":"response","max_slowdown":0.05},"constraints":{"max_memory_bytes":null,"max_ttft_ms":null,"max_itl_ms":null},"settings":{"threads":6,"threads_batch":8,"n_ctx":1024,"n_gpu_layers":-1,"n_batch":2048,"n_ubatch":512,"flash_attn":"auto","type_k":"f16","type_v":"f16","load_mode":"auto","use_extra_bufts":true,"op_offload":true,"swa_full":false,"n_seq_max":1,"cpu_affinity":null},"speedup":{"median":1.21,"low":1.089,"high":1.331,"confidence":0.95,"samples":[1.089,1.21,1.331],"noisy":false,"interval":"repeat"},"baseline":{"settings":{"threads":8,"threads_batch":8,"n_ctx":1024,"n_gpu_layers":-1,"n_batch":2048,"n_ubatch":512,"flash_attn":"auto","type_k":"f16","type_v":"f16","load_mode":"auto","use_extra_bufts":true,"op_offload":true,"swa_full":false,"n_seq_max":1,"cpu_affinity":null},"workload":{"prompt":256,"generate":4,"depth":512,"parallel":1},"prefill_tokens_per_s":{"median":310.0,"low":279.0,"high":341.0,"confidence":0.95,"samples":[279.0,310.0,341.0],"noisy":false,"interval":"repeat"},"decode_tokens_per_s":{"median":111.0,"low":99.9,"high":122.10000000000001,"confidence":0.95,"samples":[99.9,111.0,122.10000000000001],"noisy":false,"interval":"repeat"},"ttft_ms":{"median":826.0,"low":743.4,"high":908.6,"confidence":0.95,"samples":[743.4,826.0,908.6],"noisy":false,"interval":"repeat"},"itl_ms":{"median":9.0,"low":8.1,"high":9.9,"confidence":0.95,"samples":[8.1,9.0,9.9],"noisy":false,"interval":"repeat"},"itl_p95_ms":{"median":9.4,"low":8.46,"high":10.340000000000002,"confidence":0.95,"samples":[8.46,9.4,10.340000000000002],"noisy":false,"interval":"repeat"},"response_ms":{"median":1980.0,"low":1782.0,"high":2178.0,"confidence":0.95,"samples":[1782.0,1980.0,2178.0],"noisy":false,"interval":"repeat"},"peak_memory_bytes":{"median":150000000.0,"low":135000000.0,"high":165000000.0,"confidence":0.95,"samples":[135000000.0,150000000.0,165000000.0],"noisy":false,"interval":"repeat"},"steady_memory_bytes":null,"device_memory_bytes":{},"foreign_cores":null,"noisy_samples":0,"rejected_samples":1},"tuned":{"settings":{"threads":6,"threads_batch":8,"n_ctx":1024,"n_gpu_layers":-1,"n_batch":2048,"n_ubatch":512,"flash_attn":"auto","type_k":"f16","type_v":"f16","load_mode":"auto","use_extra_bufts":true,"op_offload":true,"swa_full":false,"n_seq_max":1,"cpu_affinity":null},"workload":{"prompt":256,"generate":4,"depth":512,"parallel":1},"prefill_tokens_per_s":{"median":310.0,"low":279.0,"high":341.0,"confidence":0.95,"samples":[279.0,310.0,341.0],"noisy":false,"interval":"repeat"},"decode_tokens_per_s":{"median":111.0,"low":99.9,"high":122.10000000000001,"confidence":0.95,"samples":[99.9,111.0,122.10000000000001],"noisy":false,"interval":"repeat"},"ttft_ms":{"median":826.0,"low":743.4,"high":908.6,"confidence":0.95,"samples":[743.4,826.0,908.6],"noisy":false,"interval":"repeat"},"itl_ms":{"median":9.0,"low":8.1,"high":9.9,"confidence":0.95,"samples":[8.1,9.0,9.9],"noisy":false,"interval":"repeat"},"itl_p95_ms":{"median":9.4,"low":8.46,"high":10.340000000000002,"confidence":0.95,"samples":[8.46,9.4,10.340000000000002],"noisy":false,"interval":"repeat"},"response_ms":{"median":1980.0,"low":1782.0,"high":2178.0,"confidence":0.95,"samples":[1782.0,1980.0,2178.0],"noisy":false,"interval":"repeat"},"peak_memory_bytes":{"median":150000000.0,"low":135000000.0,"high":165000000.0,"confidence":0.95,"samples":[135000000.0,150000000.0,165000000.0],"noisy":false,"interval":"repeat"},"steady_memory_bytes":null,"device_memory_bytes":{},"foreign_cores":null,"noisy_samples":0,"rejected_samples":1},"changes":[{"setting":"threads","before":"8","after":"6","effect":null}],"notes":""}',NULL);
CREATE TABLE run (
        id                  TEXT NOT NULL PRIMARY KEY,
        kind                TEXT NOT NULL CHECK (kind IN ('tune', 'measure')),
        state               TEXT NOT NULL CHECK (state IN ('running', 'finished', 'interrupted', 'failed')),
        request             TEXT NOT NULL,
        model_sha256        TEXT NOT NULL REFERENCES model (sha256),
        machine_fingerprint TEXT NOT NULL REFERENCES machine (fingerprint),
        build               TEXT NOT NULL,
        tunesmith_version   TEXT NOT NULL,
        started_utc         TEXT NOT NULL,
        seen_utc            TEXT NOT NULL,
        finished_utc        TEXT,
        outcome             TEXT,
        sentence            TEXT NOT NULL,
        owner_pid           INTEGER NOT NULL,
        owner_host          TEXT NOT NULL,
        owner_started       FLOAT NOT NULL
    );
INSERT INTO "run" VALUES('20261123-232626-5c66','tune','interrupted','{"model_path":"/models/s.gguf","workload":{"prompt":256,"generate":4,"depth":512,"parallel":1},"objective":{"name":"response","max_slowdown":0.05},"constraints":{"max_memory_bytes":null,"max_ttft_ms":900.5,"max_itl_ms":null},"budget":{"name":"quick","seconds":90.0,"max_rounds":16,"passes":1},"rules":{"vary":["threads"],"fix":{"type_k":"f16"},"cache_types":["f16","q8_0"]},"preset":"chat","seed":7,"confidence":0.95,"margin":0.02}','5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a','8a3dbc238475052a','{"binding_version":"0.3.36","llama_cpp_version":"0.5.0-dev","ggml_version":"0.9.5","cpu_features":["avx2","fma"],"system_info":"CPU : AVX2 = 1 |","supports_gpu_offload":false,"supports_mmap":true,"supports_mlock":true,"supports_rpc":false,"backends":["CPU"]}','0.1.0','2026-11-23T23:26:26.842129+00:00','2026-11-23T23:26:26.895029+00:00','2026-11-23T23:26:26.895029+00:00','interrupted','Stopped.',8731,'bench-1',1795476382.9);
CREATE TABLE sample (
        trial_id        INTEGER NOT NULL PRIMARY KEY REFERENCES trial (id) ON DELETE CASCADE,
        prefill_tokens  INTEGER NOT NULL,
        prefill_ns      INTEGER,
        sequences       INTEGER NOT NULL,
        noisy           BOOLEAN NOT NULL,
        rejected        INTEGER NOT NULL,
        started_mono_ns INTEGER NOT NULL,
        cost_ns         INTEGER NOT NULL,
        conditions      TEXT NOT NULL,
        memory          TEXT NOT NULL,
        step_ns         BLOB NOT NULL
    );
INSERT INTO "sample" VALUES(1,256,812345679,1,1,1,1000000000000001,2000000000,'{"foreign_cores":0.03,"wait_share":0.001,"steal_cores":null,"cpu_mhz":4450.5,"temperature_celsius":null,"package_watts":null}','{"peak_rss_bytes":150000000,"rss_bytes":149000000,"pss_bytes":null,"device_used_bytes":{"GPU0":5}}',X'0104000000789C730CE964008147B7BAC0F4E2B3ED60DA112A0E007C3B067A');
CREATE TABLE trial (
        id        INTEGER NOT NULL PRIMARY KEY,
        run_id    TEXT NOT NULL REFERENCES run (id) ON DELETE CASCADE,
        key       TEXT NOT NULL,
        stage     TEXT NOT NULL,
        candidate TEXT NOT NULL,
        round     INTEGER NOT NULL,
        digest    TEXT NOT NULL,
        settings  TEXT NOT NULL,
        state     TEXT NOT NULL CHECK (state IN ('measured', 'failed')),
        cause     TEXT,
        message   TEXT,
        UNIQUE (run_id, key)
    );
INSERT INTO "trial" VALUES(1,'20261123-232626-5c66','k1','threads','threads=1',1,'f524dc55264e','{"threads":8,"threads_batch":8,"n_ctx":1024,"n_gpu_layers":-1,"n_batch":2048,"n_ubatch":512,"flash_attn":"auto","type_k":"f16","type_v":"f16","load_mode":"auto","use_extra_bufts":true,"op_offload":true,"swa_full":false,"n_seq_max":1,"cpu_affinity":null}','measured',NULL,NULL);
INSERT INTO "trial" VALUES(2,'20261123-232626-5c66','bad','ubatch','ubatch=4096',1,'f524dc55264e','{"threads":8,"threads_batch":8,"n_ctx":1024,"n_gpu_layers":-1,"n_batch":2048,"n_ubatch":512,"flash_attn":"auto","type_k":"f16","type_v":"f16","load_mode":"auto","use_extra_bufts":true,"op_offload":true,"swa_full":false,"n_seq_max":1,"cpu_affinity":null}','failed','worker_crashed','It died.');
CREATE INDEX run_by_start ON run (started_utc);
CREATE INDEX profile_by_creation ON profile (created_utc);
CREATE INDEX profile_by_name ON profile (name);
COMMIT;
