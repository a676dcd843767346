use super::*;

fn file(text: &str) -> Arc<SourceFile> {
    Arc::new(SourceFile::from_bytes("a.yaml", "a.yaml", text.as_bytes()).expect("a text file"))
}

const WHOLE: &str = r##"# yaml-language-server: $schema=../task.schema.json
version: 1
name: order-ships
description: An order is placed, then shipped or rejected.
tags: [orders, smoke]

vars:
  sku: A-1
  qty: 2

clients:
  shop: { http: { base_url: "${env('SHOP_URL')}" } }
  bus:  { nats: { url: nats://127.0.0.1:4222 } }

start_state: place
final_state: shipped
max_global_transition_timeout: 20s

states:
  place:
    instructions:
      - shop:
          post: /orders
          json: { sku: "${sku}", qty: "${qty}" }
        save:
          order_id: res.body.id          # Rhai
          skus: $.lines[*].sku           # JSONPath over res.body
        expect:
          - res.status == 201
          - res.body.total > 0
        defer:                           # undone at every end, newest first
          shop: DELETE /orders/${order_id}
    transitions: [shipped, rejected]     # the valid next states: each guards its own way in

  shipped:
    transition_condition:
      subscribe:
        bus: orders.*.shipped
      when: res.body.order_id == order_id
      set: { carrier: res.body.carrier.to_upper() }

  rejected:
    transition_condition:
      poll:
        shop: GET /orders/${order_id}
      every: 250ms
      when: res.body.status == 'rejected'
      fail_when: res.status >= 500
    fail: order ${order_id} was rejected

  waiting:
    poll:
      shop: GET /orders/${order_id}
    every: 250ms
    transitions:
      - to: shipped
        when: res.body.status == 'shipped'
      - to: rejected
        when: res.body.status in ['rejected', 'lost']
"##;

#[test]
fn the_whole_task_parses() {
    let parsed = parse_task(&file(WHOLE)).unwrap();
    assert_eq!(parsed.warnings, []);
    let task = parsed.value;
    assert_eq!(&*task.name, "order-ships");
    assert_eq!(task.states.len(), 4);
}
